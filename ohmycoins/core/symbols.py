"""Say what a coin's symbol looks like: upper case everywhere, such as BTC; imported history has dots in some."""

import re

_SYMBOL = re.compile(r"(?=.{1,20}\Z)[A-Z0-9]+(\.[A-Z0-9]+)*\Z", re.ASCII)


def is_symbol(text: str) -> bool:
    """Tell whether `text` is a symbol as we keep it."""
    return bool(_SYMBOL.match(text))


def symbol(text: str) -> str | None:
    """Give `text` as a symbol, in upper case, or None when it is not one."""
    upper = text.strip().upper()
    return upper if is_symbol(upper) else None
