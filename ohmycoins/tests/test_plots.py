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


def test_bounds_fix_the_scale_and_what_lies_beyond_is_drawn_at_its_edge() -> None:
    points = [(NOON + timedelta(hours=hour), value) for hour, value in enumerate((1.0, 0.5, -0.2))]
    drawn = line(points, bounds=(0, 1), width=400, height=148)
    assert 'points="0.0,24.0 200.0,74.0 400.0,124.0"' in drawn
    assert ">1.00</text>" in drawn
    assert ">0.00</text>" in drawn
    assert 'aria-label="-0.20 to 1.00"' in drawn


def test_marks_are_light_lines_with_their_values() -> None:
    drawn = line([(NOON, 1.0), (NOON + timedelta(hours=1), 1.0)], bounds=(0, 1), marks=(0.5,), height=148)
    assert 'y1="74.0" y2="74.0"' in drawn
    assert ">0.50</text>" in drawn
    assert "<line" not in line([(NOON, 1.0), (NOON + timedelta(hours=1), 1.0)])
