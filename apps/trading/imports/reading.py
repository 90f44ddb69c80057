"""Read a file of any format that we know: choose by the header, then number and tell apart what it says."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from apps.trading.imports import coinspot, plain
from apps.trading.imports.records import BadRow, Entry, History, LineError, Said, Unreadable, another_fill
from apps.trading.imports.table import Row, Table, read_table

Reader = Callable[[Row, ZoneInfo, datetime], Said]
LEGS = 2
DIGEST_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: what its header must name, and may name (None: anything), and who reads its rows."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] | None
    read: Reader
    may_fall: bool = False
    """Whether its newest row may come first: rows of one minute are then the later, the higher up."""


FORMATS = (
    Format("plain", plain.REQUIRED, plain.OPTIONAL, lambda row, zone, now: plain.read_row(row, now)),
    Format("CoinSpot's order history", coinspot.ORDERS, None, coinspot.read_order, may_fall=True),
    Format("CoinSpot's sends and receives", coinspot.TRANSFERS, None, coinspot.read_transfer, may_fall=True),
)


def read_history(data: bytes, *, zone: ZoneInfo, now: datetime) -> History:
    """Read a file; local times in it are `zone`'s, none may lie after `now`. Raises Unreadable.

    With an error in any line, the errors of all of them are given.
    """
    table = read_table(data)
    chosen = _format(table)
    said: list[tuple[int, Said]] = []
    errors = []
    for row in table.rows:
        try:
            if row.size != len(table.columns):
                raise BadRow(
                    f"it has {row.size} cells and the header {len(table.columns)}: a comma in a number needs quotes"
                )
            said.append((row.line, chosen.read(row, zone, now)))
        except BadRow as error:
            errors.append(LineError(row.line, str(error)))
    entries, repeated, clashes = _told_apart(_in_places(said, chosen))
    return History(
        entries=tuple(entries), rows=len(table.rows), ignored=sum(1 for _, what in said if not what.entries),
        repeated=repeated, errors=tuple(sorted([*errors, *clashes], key=lambda error: error.line)),
    )  # fmt: skip


def _format(table: Table) -> Format:
    """Give the format with this header. Raises Unreadable, naming what the closest one misses."""
    named = set(table.columns)
    for known in FORMATS:
        if named.issuperset(known.required):
            strange = named.difference(known.required, known.optional or named, [""])
            if strange:
                raise Unreadable(
                    f"unknown columns in the header: {', '.join(sorted(strange))}; accepted are "
                    f"{', '.join(known.required + (known.optional or ()))}"
                )
            return known
    closest = max(FORMATS, key=lambda known: len(named.intersection(known.required)))
    missing = [column for column in closest.required if column not in named]
    raise Unreadable(
        f"the header is of no format that is read. The closest is {closest.name}, which also has: "
        f"{', '.join(missing)}. Read are {', '.join(known.name for known in FORMATS)}"
    )


def _in_places(said: list[tuple[int, Said]], chosen: Format) -> Iterable[tuple[Said, tuple[Entry, ...]]]:
    """Give what happened, with its line and its place among the entries of its instant: by line.

    A file that only ever goes back in time is counted from its end.
    """
    happened = [(line, what) for line, what in said if what.entries]
    times = [what.entries[0].at for _, what in happened]
    falls = chosen.may_fall and times != sorted(times) and times == sorted(times, reverse=True)
    last = said[-1][0] if said else 0
    for line, what in happened:
        place = LEGS * (last - line + 1 if falls else line)
        yield (
            what,
            tuple(replace(entry, line=line, sequence=place + leg) for leg, entry in enumerate(what.entries)),
        )


def _told_apart(
    placed: Iterable[tuple[Said, tuple[Entry, ...]]],
) -> tuple[list[Entry], int, list[LineError]]:
    """Give every entry its `ref`, how many rows repeat one with the same given id, and which contradict one.

    Rows without an id are told apart by what they say and by how many in the file said the same before:
    the same file again, a longer one or another order of its rows gives the same refs.
    """
    entries: list[Entry] = []
    seen: Counter[str] = Counter()
    given: dict[str, Entry] = {}
    repeated, clashes = 0, []
    for what, parts in placed:
        if not what.given_id:
            digest = hashlib.sha256("\x1f".join(what.content).encode()).hexdigest()[:DIGEST_LENGTH]
            seen[digest] += 1
            ref = f"file:{digest}:{seen[digest]}"
            entries += [replace(entry, ref=f"{ref}:{leg}" if leg else ref) for leg, entry in enumerate(parts)]
        elif what.given_id not in given:
            given[what.given_id] = parts[0]
            entries += [replace(entry, ref=what.given_id) for entry in parts]
        elif given[what.given_id].facts == parts[0].facts:
            repeated += 1
        else:
            clashes.append(another_fill(parts[0].line, what.given_id, f"line {given[what.given_id].line}'s"))
    return entries, repeated, clashes
