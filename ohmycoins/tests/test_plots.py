"""A line over time: what is drawn, and what is said beside it."""

from datetime import UTC, datetime, timedelta

from ohmycoins.core.plots import line

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_draws_lowest_to_highest_over_its_time() -> None:
    drawn = line([(NOON + timedelta(hours=hour), value) for hour, value in enumerate((10.0, 30.0, 20.0))])
    assert 'points="0.0,216.0 430.0,24.0 860.0,120.0"' in drawn
    assert ">30.00</text>" in drawn
    assert ">10.00</text>" in drawn
    assert "2026-03-02 12:00 – 2026-03-02 14:00 UTC" in drawn


def test_flat_line_and_single_point_are_no_trouble() -> None:
    assert 'points="0.0,24.0 860.0,24.0"' in line([(NOON, 5.0), (NOON + timedelta(hours=1), 5.0)])
    assert line([(NOON, 5.0)]) == "–"
