"""Seal an account's keys so that only its own row opens them; pure.

Sealed inside (`core.sealing`) is the account's id, so a text that was copied to another account's row
does not open there.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from ohmycoins.core import sealing
from ohmycoins.core.sealing import NotOpened

__all__ = ["NotOpened", "Secrets", "is_newest", "seal", "unseal"]

PURPOSE = b"ohmycoins venue keys 1"


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
    return sealing.seal(plain, purpose=PURPOSE, keys=keys)


def unseal(sealed: str, *, account_id: int, keys: Sequence[str]) -> Secrets:
    """Open with whichever of `keys` fits. Raises NotOpened; ValueError without any key."""
    try:
        found = json.loads(sealing.unseal(sealed, purpose=PURPOSE, keys=keys))
        if found.pop("account") == account_id:
            return Secrets(**found)
    except (NotOpened, json.JSONDecodeError, KeyError, TypeError, AttributeError):
        pass  # what these say may quote the text
    raise NotOpened("the text does not open for this account with the configured keys")


def is_newest(sealed: str, keys: Sequence[str]) -> bool:
    """Tell whether the text was sealed with the first of `keys`."""
    return sealing.is_newest(sealed, purpose=PURPOSE, keys=keys)
