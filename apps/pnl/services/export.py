"""Write rows as CSV and XLSX, any number of them in constant memory, safe to open in a spreadsheet.

A spreadsheet runs a text as a formula when it begins with certain characters, and some of our texts are
other people's (a venue's id of a fill). In CSV such a text gets an apostrophe in front, which makes it text;
an XLSX says itself that a cell is text. XlsxWriter takes a text between <r> and </r> for markup of its own and
does not escape it: it gets an apostrophe too.

A spreadsheet holds a number as a double, of which 15 significant digits are exact. Numbers of up to 15 are
numbers in XLSX; longer ones are text there, so that no digit is lost. CSV has every digit of every number.
"""

import csv
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import IO, Any

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from ohmycoins.core.cells import cell
from ohmycoins.core.errors import Refused
from ohmycoins.core.money import plain

ROWS_AT_ONCE = 1000
MOST_ROWS = 1_048_575
"""What an XLSX sheet holds beneath its header (Microsoft, Excel specifications and limits)."""
EXACT_DIGITS = 15
MARKUP = "<r>"


class TooManyRows(Refused):
    """There are more rows than a sheet can hold."""

    code = "TOO_MANY_ROWS"

    def __init__(self) -> None:
        super().__init__(
            f"An XLSX sheet holds {MOST_ROWS:,} rows, and there are more: choose a shorter period, or take the CSV."
        )


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, how a row's value is got, and whether that is an instant."""

    name: str
    get: Callable[[Any], Any]
    is_instant: bool = False


class _Line:
    """What csv writes to: it hands the line back."""

    def write(self, line: str) -> str:
        return line


def write_csv(columns: Sequence[Column], rows: Iterable[Any]) -> Iterator[str]:
    """Give the header, then lines of many rows at once: RFC 4180, instants in ISO 8601 (UTC), null as nothing."""
    writer = csv.writer(_Line())  # type: ignore[arg-type]
    yield writer.writerow([column.name for column in columns])
    remaining = iter(rows)
    while batch := list(islice(remaining, ROWS_AT_ONCE)):
        yield "".join(writer.writerow([cell(column.get(row)) for column in columns]) for row in batch)


def write_xlsx(columns: Sequence[Column], rows: Iterable[Any], *, name: str) -> IO[bytes]:
    """Give a temporary file, from its start, that holds a workbook with one sheet `name`; instants are UTC dates.

    Raises TooManyRows.
    """
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the caller reads and closes it
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            Workbook(file, {"constant_memory": True, "tmpdir": folder}) as workbook,
        ):
            _write_sheet(workbook, workbook.add_worksheet(name), columns, rows)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _write_sheet(
    workbook: Workbook, sheet: Worksheet, columns: Sequence[Column], rows: Iterable[Any]
) -> None:
    head = workbook.add_format({"bold": True})
    date = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet.set_column(0, len(columns) - 1, 20)
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        sheet.write_string(0, place, f"{column.name} (UTC)" if column.is_instant else column.name, head)
    for number, row in enumerate(rows, start=1):
        if number > MOST_ROWS:
            raise TooManyRows
        for place, column in enumerate(columns):
            _write_cell(sheet, number, place, column.get(row), date)


def _write_cell(sheet: Worksheet, row: int, place: int, value: Any, date: Any) -> None:
    if value in (None, ""):
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, place, value.astimezone(UTC).replace(tzinfo=None), date)
    elif isinstance(value, int | Decimal) and _is_exact(Decimal(value)):
        sheet.write_number(row, place, value)  # a Decimal is written digit by digit
    else:
        text = plain(value) if isinstance(value, Decimal) else str(value)
        sheet.write_string(row, place, f"'{text}" if text.startswith(MARKUP) else text)


def _is_exact(number: Decimal) -> bool:
    return len(number.normalize().as_tuple().digits) <= EXACT_DIGITS
