"""Name the ways in which a single signed call goes wrong, and draw which one a call suffers.

The draw follows from the seed, the key and the number of the call among those of the key, so that a run
that makes the same calls suffers the same faults.
"""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ohmycoins.sandbox.chance import dice
from ohmycoins.sandbox.faults import UnknownFault

SUBMITS = ("/my/buy", "/my/sell")
CANCELS = ("/my/buy/cancel", "/my/sell/cancel")
CHANGES = (*SUBMITS, *CANCELS, "/my/buy/now", "/my/sell/now")
LISTS = ("/balances", "/open", "/completed", "/deposits", "/withdrawals", "/sendreceive")
ANY = ("",)

# Each fault, and the ends of the paths at which it makes sense.
_ENDS: dict[str, tuple[str, ...]] = {
    "drop_before": ANY,  # the connection ends, nothing was done
    "accept_drop": ANY,  # done, then the connection ends without an answer
    "accept_5xx": ANY,  # done, then a gateway's 502 page
    "late_arrival": ANY,  # the connection ends; the request arrives later
    "late_commit": CHANGES,  # the nonce is taken, a 504 page answered; what was asked is done later
    "proxy_replay": ANY,  # done, and sent again by a proxy: the client sees the second answer
    "429": ANY,  # too many requests, one of the two:
    "429_before": ANY,
    "429_after": ANY,
    "html_200": ANY,  # a page with status 200, one of the two:
    "html_200_before": ANY,
    "html_200_after": ANY,
    "cut_json": ANY,  # done; half a JSON text that claims to be whole
    "cut_body": ANY,  # done; less is sent than Content-Length says
    "drip": ANY,  # done; the answer comes slower than anyone waits
    "partial_fill": SUBMITS,  # the order fills in slices only
    "manual_twin": SUBMITS,  # the very same order is placed by hand beside ours, one of the two:
    "manual_twin_answered": SUBMITS,
    "manual_twin_dropped": SUBMITS,
    "fill_during_cancel": CANCELS,  # the order fills before the cancel gets to it
    "out_of_order": LISTS,  # rows are shuffled
    "duplicate_rows": LISTS,  # a row is listed twice
}
ONE_OF = {
    "429": ("429_before", "429_after"),
    "html_200": ("html_200_before", "html_200_after"),
    "manual_twin": ("manual_twin_answered", "manual_twin_dropped"),
}
KINDS = tuple(name for name in _ENDS if not any(name in pair for pair in ONE_OF.values()))


def check_kind(kind: object) -> str:
    """Give the name of a fault back. Raises UnknownFault."""
    if not isinstance(kind, str) or kind not in _ENDS:
        raise UnknownFault(f"there is no fault {kind!r} (for venue): use one of {', '.join(_ENDS)}")
    return kind


@dataclass(frozen=True, slots=True)
class Fate:
    """What befalls a call: its number, the fault or None, and the dice for what else is left to chance."""

    number: int
    fault: str | None
    dice: random.Random


@dataclass(frozen=True, slots=True)
class _Scripted:
    ends: tuple[str, ...]
    fault: str | None


class Fates:
    """Count the calls of every key, and give each its fate: by script where there is one, else by lot."""

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()
        self._scripts: dict[str, list[_Scripted]] = {}

    def script(self, key: str, faults: Iterable[object], ends: tuple[str, ...] = ANY) -> None:
        """Let the next calls of a key to paths with these ends suffer exactly these. Raises UnknownFault."""
        lines = [_Scripted(ends, None if fault is None else check_kind(fault)) for fault in faults]
        self._scripts.setdefault(key, []).extend(lines)

    def forget(self, *keys: str) -> None:
        """Count these keys from zero, without a script."""
        for key in keys:
            self._numbers.pop(key, None)
            self._scripts.pop(key, None)

    def next(self, key: str, path: str, *, seed: int, chance: float, kinds: tuple[str, ...]) -> Fate:
        """Give the fate of a key's next call."""
        self._numbers[key] += 1
        number = self._numbers[key]
        throws = dice(seed, key, number)
        struck = throws.random() < chance
        fitting = [kind for kind in kinds if path.endswith(_ENDS[kind])]
        fault = throws.choice(fitting) if struck and fitting else None
        script = self._scripts.get(key, [])
        line = next((line for line in script if path.endswith(line.ends)), None)
        if line is not None:
            script.remove(line)
            fault = line.fault
        return Fate(number, throws.choice(ONE_OF[fault]) if fault in ONE_OF else fault, throws)


def parse_spec(spec: str) -> tuple[str, dict[str, Any] | None]:
    """Take `venue=…` out of a list of faults: give the rest, and the venue's options if it named any.

    `venue=0.35` lets 35 % of all calls suffer any fault, `venue=drip` every call that one, and
    `venue=0.35:drip+429` 35 % of them one of the two. Raises UnknownFault.
    """
    rest, options = [], None
    for part in spec.split(","):
        source, equals, said = (text.strip() for text in part.partition("="))
        if source == "venue" and equals:
            options = _read(said)
        else:
            rest.append(part)
    return ",".join(rest), options


def _read(said: str) -> dict[str, Any]:
    chance, colon, kinds = said.partition(":")
    if not colon:
        chance, kinds = (said, "") if said[:1] in ("0", "1", ".") else ("1", said)
    try:
        share = float(chance)
    except ValueError:
        share = -1.0
    if not (said and 0 <= share <= 1):
        raise UnknownFault(f"venue={said} is not a fault: write a share from 0 to 1, such as venue=0.35")
    options: dict[str, Any] = {"fault_chance": share}
    if kinds:
        options["fault_kinds"] = tuple(check_kind(kind.strip()) for kind in kinds.split("+"))
    return options
