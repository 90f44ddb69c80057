"""Share integers among parts, half to even, of which the product does not fit in 64 bits; pure.

Rounding is recursive, each share being one of what is left. The k-th parts of all amounts are
independent of each other, so they are rounded together, k by k; the few amounts with many more parts
than the others are finished one by one.

Exactness. amount × part does not fit in an int64, but the remainder of the division does. Let
|amount| < 2^61, 0 < part < whole < 2^61 and |amount|·part < 2^109. Five roundings to 53 bits and the
cut to an integer put the quotient that float64 gives off by less than |amount|·part/whole·2^-50 + 1.
So amount·part − quotient·whole is less than 2^59 + 2^61 in size, and arithmetic that wraps at 2^64
gives it exactly. Its own division by `whole` mends the quotient, and what then remains decides how to
round. MOST and MOST_PRODUCT are half the bounds, so that they may be checked with floats.

Declined: float128 (not on every machine), and 128-bit products by halves (four times the passes).
"""

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]

MOST = 2.0**60
"""Amounts and wholes are below this …"""
MOST_PRODUCT = 2.0**108
"""… and their products below that."""
FEW = 48
"""Below so many parts to round, a loop is faster than arrays."""


def share_out(amount: Index, whole: Index, owner: Index, part: Index) -> tuple[Index, Index, Index]:
    """Share `amount` of `whole` among its parts, one after the other, each a share of what is left.

    `owner` says whose each part is, in order. Gives the shares, and what is left of whole and amount; a
    last part that takes all takes the remainder.
    """
    shares, left, amount = np.zeros_like(part), whole.copy(), amount.copy()
    count = np.bincount(owner, minlength=len(whole))
    first = np.cumsum(count) - count
    some = np.flatnonzero(count)
    ended = np.zeros(len(whole), bool)
    if len(some):
        ended[some] = np.add.reduceat(part, first[some]) == whole[some]
    rounded = count - ended
    done, active = 0, np.flatnonzero(rounded)
    while len(active) > FEW:
        at = first[active] + done
        share = _round_shares(amount[active], part[at], left[active])
        shares[at] = share
        amount[active] -= share
        left[active] -= part[at]
        done += 1
        active = active[rounded[active] > done]
    for one in active.tolist():
        rest = slice(int(first[one]) + done, int(first[one] + rounded[one]))
        shares[rest], amount[one], left[one] = _share_in_turn(
            int(amount[one]), part[rest].tolist(), int(left[one])
        )
    last = (first + count - 1)[ended]
    shares[last] = amount[ended]
    amount[ended] = left[ended] = 0
    return shares, left, amount


def _share_in_turn(amount: int, parts: list[int], whole: int) -> tuple[list[int], int, int]:
    shares = []
    for part in parts:
        share = round_share(amount, part, whole)
        shares.append(share)
        amount, whole = amount - share, whole - part
    return shares, amount, whole


def _round_shares(amount: Index, part: Index, whole: Index) -> Index:
    """Give amount × part ÷ whole, half to even, within the bounds proved above."""
    quotient = (amount.astype(np.float64) * part / whole).astype(np.int64)
    more, rest = np.divmod(amount * part - quotient * whole, whole)
    quotient += more
    quotient += (2 * rest > whole) | ((2 * rest == whole) & (quotient & 1 == 1))
    return quotient


def round_share(amount: int, part: int, whole: int) -> int:
    """Give amount × part ÷ whole, half to even, of any integers."""
    quotient, rest = divmod(amount * part, whole)
    return quotient + (2 * rest > whole or (2 * rest == whole and quotient % 2 == 1))
