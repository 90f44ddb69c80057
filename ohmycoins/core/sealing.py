"""Seal a text so that only who has a configured key opens it; pure.

The text becomes a Fernet token (github.com/fernet/spec: AES-128-CBC with HMAC-SHA256) under a key derived
by HKDF-SHA256 from a configured string of any length, and from what it is for: a text that was sealed for
one purpose does not open for another. The newest string seals, every one opens.
"""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class NotOpened(ValueError):
    """No configured key opens the text, or it was sealed for something else; which is not said."""


def seal(plain: str, *, purpose: bytes, keys: Sequence[str]) -> str:
    """Seal with the first of `keys`. Raises ValueError without any."""
    return _fernets(purpose, keys)[0].encrypt(plain.encode()).decode()


def unseal(sealed: str, *, purpose: bytes, keys: Sequence[str]) -> str:
    """Open with whichever of `keys` fits. Raises NotOpened; ValueError without any key."""
    opener = MultiFernet(_fernets(purpose, keys))
    try:
        return opener.decrypt(sealed.encode()).decode()
    except (InvalidToken, ValueError):
        pass  # what these say may quote the text
    raise NotOpened("the text does not open with the configured keys")


def is_newest(sealed: str, *, purpose: bytes, keys: Sequence[str]) -> bool:
    """Tell whether the text was sealed with the first of `keys`."""
    try:
        _fernets(purpose, keys)[0].decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def _fernets(purpose: bytes, keys: Sequence[str]) -> list[Fernet]:
    given = [key.strip() for key in keys if key.strip()]
    if not given:
        raise ValueError("there is no key to seal with: set VENUE_SECRET_KEYS")
    return [Fernet(_derive(purpose, key)) for key in given]


def _derive(purpose: bytes, key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key.encode())
    return base64.urlsafe_b64encode(derived)
