"""Read any file at all: entries, errors by line, or a reason; never a traceback."""

from hypothesis import given
from hypothesis import strategies as st

from apps.trading.imports.records import ImportedFill, ImportedMovement, Unreadable
from apps.trading.tests.histories import ORDERS, PLAIN, TRANSFERS, read

CELL = st.one_of(
    st.sampled_from([
        "", "1", "0", "-1", "2,000", "1e-99999", "1e99999", "0e99999", "NaN", "1 AUD", "0.5 ETH", "buy", "sell", "Send",
        "BTC", "AUD", "BTC/AUD", "BTC/ETH", "Complete", "deposit", "gift", "2024-01-01T00:00:00Z", "20/05/2020 18:54",
        "31/02/2020", "0001-01-01T00:00:00+14:00", "9999-12-31", '"', "x" * 90,
    ]),
    st.text(max_size=12),
    st.decimals().map(str),
)  # fmt: skip
HEADER = st.sampled_from([PLAIN, ORDERS, TRANSFERS])


def checked(data: bytes) -> None:
    """Read bytes: rows or errors by line or a reason, never anything else; entries that the database takes."""
    try:
        history = read(data)
    except Unreadable as error:
        assert str(error)
        return
    assert all(error.line >= 1 and error.message for error in history.errors)
    assert len({entry.ref for entry in history.entries}) == len(history.entries)
    for entry in history.entries:
        assert 0 < len(entry.ref) <= 80
        assert 0 < abs(entry.quantity) < 10**20 or isinstance(entry, ImportedMovement)
        if isinstance(entry, ImportedFill):
            assert min(entry.price, entry.value_aud, entry.fee_aud) >= 0
            assert max(entry.price, entry.value_aud, entry.fee_aud) < 2 * 10**20


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    checked(data)


@given(HEADER, st.lists(st.lists(CELL, max_size=12), max_size=6))
def test_any_cells_are_read_or_refused(header: str, lines: list[list[str]]) -> None:
    checked("\n".join([header, *(",".join(line) for line in lines)]).encode("utf-8", "surrogatepass"))
