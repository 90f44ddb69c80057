"""Seal an account's keys so that only its own row opens them; pure.

The text is a Fernet token (github.com/fernet/spec: AES-128-CBC with HMAC-SHA256) under a key derived by
HKDF-SHA256 from a configured string of any length. The newest string seals, every one opens. Sealed
inside is the account's id, so a text that was copied to another account's row does not open there.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PURPOSE = b"ohmycoins venue keys 1"


class NotOpened(ValueError):
    """No configured key opens the text, or it was sealed for another account; which is not said."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is sealed: the trading key and, where there is one, the read-only key; no repr shows them."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    read_only_key: str | None = field(default=None, repr=False)
    read_only_secret: str | None = field(default=None, repr=False)


def seal(secrets: Secrets, *, account_id: int, keys: Sequence[str]) -> str:
    """Seal with the first of `keys`. Raises ValueError without any."""
    plain = json.dumps({"account": account_id, **asdict(secrets)}, separators=(",", ":"))
    return _fernets(keys)[0].encrypt(plain.encode()).decode()


def unseal(sealed: str, *, account_id: int, keys: Sequence[str]) -> Secrets:
    """Open with whichever of `keys` fits. Raises NotOpened; ValueError without any key."""
    opener = MultiFernet(_fernets(keys))
    try:
        found = json.loads(opener.decrypt(sealed.encode()))
        if found.pop("account") == account_id:
            return Secrets(**found)
    except (InvalidToken, ValueError, KeyError, TypeError, AttributeError):
        pass  # what these say may quote the text
    raise NotOpened("the text does not open for this account with the configured keys")


def is_newest(sealed: str, keys: Sequence[str]) -> bool:
    """Tell whether the text was sealed with the first of `keys`."""
    try:
        _fernets(keys)[0].decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def _fernets(keys: Sequence[str]) -> list[Fernet]:
    given = [key.strip() for key in keys if key.strip()]
    if not given:
        raise ValueError("there is no key to seal with: set VENUE_SECRET_KEYS")
    return [Fernet(_derive(key)) for key in given]


def _derive(key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(key.encode())
    return base64.urlsafe_b64encode(derived)
