"""Tell addresses of the public internet from those of our own networks; pure.

Who may name an address that we then call could otherwise reach what only we can: this machine, the
database, the cloud's metadata. `require_url` looks at the text when it is stored; a name may lead
anywhere by the time it is called, so `core.guarded` asks `is_public` of each address it connects to.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL = 2000
LOWEST_FREE_PORT = 1024
WEB_PORTS = {"http": 80, "https": 443}
# RFC 6890's registry (IANA, 2026) has more that is not for everybody than `ipaddress.is_global` knows.
SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # protocol assignments; some clouds' metadata
            "192.88.99.0/24",  # 6to4 relays
            "168.63.129.16/32",  # Azure's host, seen from its guests
        ),
    )
)
DOCUMENTATION = ipaddress.IPv6Network("3fff::/20")  # RFC 9637, which older Pythons do not know
UNICAST = ipaddress.IPv6Network("2000::/3")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")
# RFC 6761, 6762, 8375, 9476, ICANN's .internal, and what home routers and clouds use.
INNER_NAMES = (
    "localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp", "private", "home.arpa", "in-addr.arpa",
    "ip6.arpa", "test", "invalid", "example", "onion", "alt",
)  # fmt: skip


class Malformed(ValueError):
    """The text is no address of the web; the message says why, and quotes nothing of it."""


class NotPublic(ValueError):
    """The address is not on the public internet; the message quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be reached although it is not public: hosts by name or address, and networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def has_host(self, host: str) -> bool:
        return normal(host) in self.hosts

    def has(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.networks)


def read_allowed(texts: Iterable[str]) -> Allowed:
    """Read hosts (`alerts.lan`), addresses (`10.1.2.3`) and networks (`10.0.0.0/8`)."""
    hosts, networks = set(), []
    for text in filter(None, (text.strip() for text in texts)):
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            hosts.add(normal(text))
    return Allowed(frozenset(hosts), tuple(networks))


def is_public(address: Address) -> bool:
    """Tell whether everybody can reach the address, and so nobody reaches more through us.

    An IPv6 address that carries an IPv4 one (mapped, 6to4, NAT64) is as public as that; Teredo's never is.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        return address.is_global and address in UNICAST and address not in DOCUMENTATION
    special = any(address in network for network in SPECIAL if network.version == 4)
    return address.is_global and not (address.is_multicast or address.is_reserved or special)


def require_url(text: str, allowed: Allowed) -> SplitResult:
    """Give the parts of an http or https URL that may lead to the public internet.

    Raises Malformed, or NotPublic for a host that certainly does not: an address of ours however it is
    spelt, or a name that has no meaning outside. What an ordinary name leads to is for the one who connects.
    """
    parts = _split(text)
    host = normal(parts.hostname or "")
    if allowed.has_host(host):
        return parts
    if address := _literal(host):
        if not (is_public(address) or allowed.has(address)):
            raise NotPublic("leads to an address that is not on the public internet")
        if allowed.has(address):
            return parts
    else:
        _require_name(host)
    port = parts.port or WEB_PORTS[parts.scheme]
    if port not in WEB_PORTS.values() and port < LOWEST_FREE_PORT:
        raise NotPublic(f"leads to a port below {LOWEST_FREE_PORT} other than 80 and 443")
    return parts


def normal(host: str) -> str:
    """Spell a host in the one way in which it is compared: lower case, without the root's dot."""
    return host.lower().removesuffix(".")


def _split(text: str) -> SplitResult:
    if len(text) > LONGEST_URL:
        raise Malformed(f"is longer than {LONGEST_URL} characters")
    if not all("!" <= letter <= "~" for letter in text) or "\\" in text:
        raise Malformed("holds spaces, control characters, backslashes or letters outside ASCII")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise Malformed("is not a URL") from None
    if parts.scheme not in WEB_PORTS:
        raise Malformed("is neither http nor https")
    if "@" in parts.netloc:
        raise Malformed("holds a user name or password before its host, which is not sent")
    if not host or port == 0 or parts.netloc.endswith(":"):
        raise Malformed("names no host, or no port after the colon")
    if parts.fragment or text.endswith("#"):
        raise Malformed("has a part after #, which is never sent")
    return parts


def _literal(host: str) -> Address | None:
    """Read an address; None for a name. Raises Malformed for one that resolvers read, and readers do not."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    last = host.rpartition(".")[2]
    # No name of the web ends in a number (WHATWG URL, "ends in a number checker"): 127.1, 0x7f.1, 2130706433, 0177.0.0.1.
    if re.match(r"(0x[0-9a-f]*|[0-9]+)\Z", last) or ":" in host or "%" in host:
        raise NotPublic("names its host by a number that is not a plain IP address")
    return None


def _require_name(host: str) -> None:
    labels = host.split(".")
    if len(host) > 253 or not all(LABEL.match(label) for label in labels):
        raise Malformed("names a host that no name server knows")
    if len(labels) < 2 or any(host == name or host.endswith(f".{name}") for name in INNER_NAMES):
        raise NotPublic("names a host that has no meaning on the public internet")
