"""Turn the bytes of a CSV file into rows by column name."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apps.trading.imports.records import Unreadable

MOST_BYTES = 10_000_000
MOST_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file: its cells by lower-case column name, stripped."""

    line: int
    """Of the file, the header being 1; a row of several lines has the first one's number."""
    cells: Mapping[str, str]
    size: int
    """How many cells it has."""

    def __getitem__(self, column: str) -> str:
        """Give a cell; empty where the file lacks the column."""
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class Table:
    """A file's column names, in lower case, and its rows; empty rows are left out."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(data: bytes) -> Table:
    """Read a CSV file: UTF-8 with or without a byte order mark, commas, a header. Raises Unreadable."""
    if len(data) > MOST_BYTES:
        raise Unreadable(f"the file has more than {MOST_BYTES:,} bytes: split it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte {error.start} is not UTF-8: save the file as CSV in UTF-8") from error
    lines = _lines(text)
    _, header = next(lines, (1, []))
    columns = tuple(name.strip().lower() for name in header)
    if not any(columns):
        raise Unreadable("the file is empty: its first line names the columns")
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        raise Unreadable("its columns are separated by semicolons or tabs: save it with commas")
    if doubled := {name for name in columns if name and columns.count(name) > 1}:
        raise Unreadable(f"its header names a column twice: {', '.join(sorted(doubled))}")
    rows: list[Row] = []
    for line, cells in lines:
        if len(rows) == MOST_ROWS:
            raise Unreadable(f"the file has more than {MOST_ROWS:,} rows: split it")
        named = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        rows.append(Row(line, named, len(cells)))
    return Table(columns, tuple(rows))


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(f"from line {line} on it is not CSV: {error}") from error
