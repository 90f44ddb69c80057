"""The quality formula, at every bound; by hand-made sources, without a database."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction as F

import pytest

from apps.monitoring.quality import (
    BOUNDS,
    Feed,
    Remark,
    Scores,
    State,
    judged,
    score_all,
    score_ledger,
)
from apps.monitoring.remarks import below, complaint_of, span

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
HOURS, MINUTES, DAYS = (timedelta(**{unit: 1}) for unit in ("hours", "minutes", "days"))


def feed(age: timedelta | None = timedelta(0), **fields: object) -> Feed:
    values = {
        "source": "coinspot_prices", "ledger": "exchange", "newest_at": None if age is None else NOW - age,
        "has_entries": age is not None, "has_run": True, "entries": 4,
    }  # fmt: skip
    return Feed(**(values | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ledger", "age", "state"),
    [
        (ledger, age, state)
        for ledger, fresh, stale in (
            ("exchange", 10 * MINUTES, 1 * HOURS), ("human", 30 * MINUTES, 2 * HOURS),
            ("catalyst", 24 * HOURS, 3 * DAYS), ("glass", 26 * HOURS, 3 * DAYS),
        )
        for age, state in (
            (-MINUTES, "fresh"), (timedelta(0), "fresh"), (fresh, "fresh"), (fresh + TICK, "stale"),
            (stale, "stale"), (stale + TICK, "very stale"), (3650 * DAYS, "very stale"), (None, "empty"),
        )
    ],
)  # fmt: skip
def test_source_is_as_fresh_as_its_newest_entry_and_at_a_bound_still_the_better(
    ledger: str, age: timedelta | None, state: str
) -> None:
    worth = {"fresh": F(1), "stale": F(7, 10), "very stale": F(3, 10), "empty": F(0)}[state]
    one = feed(age, ledger=ledger)
    assert one.state(NOW) == State(state)
    assert score_ledger([one], NOW).timeliness == worth


@pytest.mark.parametrize(
    ("scores", "overall"),
    [
        ((1, 1, 1), F(1)), ((0, 0, 0), F(0)), ((1, 0, 0), F(3, 10)), ((0, 1, 0), F(4, 10)), ((0, 0, 1), F(3, 10)),
        ((F(1, 2), F(1, 4), F(1, 2)), F(4, 10)), ((1, F(7, 10), F(9, 10)), F(85, 100)),
    ],
)  # fmt: skip
def test_overall_weighs_completeness_three_timeliness_four_and_accuracy_three_tenths(
    scores: tuple[F, F, F], overall: F
) -> None:
    assert Scores(*map(F, scores)).overall == overall


def test_empty_system_scores_nothing() -> None:
    assert score_all({}) == Scores()
    assert score_all({}).as_json() == {
        "overall": 0.0,
        "completeness": 0.0,
        "timeliness": 0.0,
        "accuracy": 0.0,
    }


@pytest.mark.parametrize(("good", "overall"), [(1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)])
def test_all_four_ledgers_count_whether_or_not_there_is_anything_in_them(good: int, overall: float) -> None:
    perfect = Scores(F(1), F(1), F(1))
    assert score_all(dict.fromkeys(list(BOUNDS)[:good], perfect)).as_json()["overall"] == overall


@pytest.mark.parametrize(
    ("feeds", "scores"),
    [
        ([], (F(0), F(0), F(0))),
        ([feed()], (F(1), F(1), F(1))),
        ([feed(), feed(20 * MINUTES)], (F(1), F(85, 100), F(1))),
        ([feed(), feed(None, entries=0)], (F(1, 2), F(1, 2), F(1))),  # it has run, and brought nothing
        ([feed(), feed(None, entries=0, has_run=False)], (F(1), F(1), F(1))),  # it never ran
        ([feed(), feed(None, entries=0, off_because="no key")], (F(1), F(1), F(1))),
        ([feed(), feed(2 * HOURS, entries=0, off_because="no key")], (F(1), F(1), F(1))),
        ([feed(2 * HOURS, entries=0, off_because="no key")], (F(1), F(3, 10), F(0))),  # there is no other
        ([feed(None, has_entries=True, entries=0)], (F(1), F(0), F(0))),  # nothing but backfills
    ],
)  # fmt: skip
def test_ledger_is_the_mean_of_the_sources_that_feed_it(feeds: list[Feed], scores: tuple[F, F, F]) -> None:
    assert score_ledger(feeds, NOW) == Scores(*scores)


@pytest.mark.parametrize(
    ("entries", "broken", "share"), [(0, 0, F(0)), (4, 0, F(1)), (4, 1, F(3, 4)), (4, 4, F(0))]
)
def test_accuracy_is_the_share_of_the_windows_entries_that_pass(entries: int, broken: int, share: F) -> None:
    rows = tuple(("price", pk) for pk in range(broken))
    assert score_ledger([feed(entries=entries, broken=rows)], NOW).accuracy == share


def test_accuracy_weighs_sources_by_their_entries() -> None:
    feeds = [feed(entries=97), feed(entries=3, broken=(("depth", 1), ("depth", 2), ("depth", 3)))]
    assert score_ledger(feeds, NOW).accuracy == F(97, 100)


@pytest.mark.parametrize(
    ("still", "series", "is_frozen"),
    [(30 * MINUTES, 3, False), (30 * MINUTES + TICK, 3, True), (5 * HOURS, 2, False), (5 * HOURS, 3, True)],
)
def test_source_that_is_read_while_nothing_moves_is_as_old_as_its_last_move(
    still: timedelta, series: int, is_frozen: bool
) -> None:
    one = feed(series=series, unmoved_since=NOW - still)
    assert one.is_frozen is is_frozen
    assert one.fresh_at == (NOW - still if is_frozen else NOW)


def test_source_that_is_not_read_is_stale_and_not_frozen() -> None:
    assert not feed(50 * MINUTES, series=9, unmoved_since=NOW - 70 * MINUTES).is_frozen


@pytest.mark.parametrize(
    ("one", "key", "severity", "is_issue", "message"),
    [
        (feed(40 * MINUTES), "source:coinspot_prices", "low", False,
         "coinspot_prices is stale: its newest entry is of 2026-03-02 11:20 UTC, 40 min ago; the bound is 10 min."),
        (feed(135 * MINUTES), "source:coinspot_prices", "medium", True,
         "coinspot_prices is very stale: its newest entry is of 2026-03-02 09:45 UTC, 2 h 15 min ago; the bound is 1 h."),
        (feed(None), "source:coinspot_prices", "medium", True, "coinspot_prices has run, and has no entries."),
        (feed(None, has_entries=True), "source:coinspot_prices", "medium", True,
         "coinspot_prices has backfilled entries, and none that it observed."),
        (feed(series=11, unmoved_since=NOW - 40 * MINUTES), "frozen:coinspot_prices", "medium", False,
         "coinspot_prices is read, and none of its 11 series has moved since 2026-03-02 11:20 UTC, 40 min ago; the bound is 30 min."),
    ],
)  # fmt: skip
def test_complaint_says_what_since_when_and_the_bound(
    one: Feed, key: str, severity: str, is_issue: bool, message: str
) -> None:
    complaint = complaint_of(one, NOW)
    assert complaint
    assert (complaint.key, complaint.severity, complaint.is_issue) == (key, severity, is_issue)
    assert complaint.remark.message == message


def test_fresh_source_gives_no_complaint() -> None:
    assert complaint_of(feed(10 * MINUTES), NOW) is None


@pytest.mark.parametrize(
    ("timeliness", "said"),
    [(F(7, 10), None), (F(69, 100), "below 0.7"), (F(1, 2), "below 0.7"), (F(49, 100), "below 0.5")],
)
def test_overall_is_complained_of_below_its_bounds_and_not_at_them(timeliness: F, said: str | None) -> None:
    remark = below(Scores(timeliness, timeliness, timeliness))
    assert (said in remark.message if remark and said else remark) == (True if said else None)


def test_remark_names_ten_rows_at_most() -> None:
    rows = [("price", pk) for pk in range(11)]
    assert len(Remark(ledger="exchange", source="", message="", rows=rows).as_json()["rows"]) == 10


@pytest.mark.parametrize(
    ("length", "written"),
    [(59 * MINUTES, "59 min"), (60 * MINUTES, "1 h"), (26 * HOURS, "1 day 2 h"), (3 * DAYS, "3 days")],
)
def test_length_is_written_in_its_two_largest_units(length: timedelta, written: str) -> None:
    assert span(length) == written


def test_sources_that_are_off_count_only_where_no_other_feeds_the_ledger() -> None:
    on, off = feed(), feed(source="coinspot_depth", off_because="it is switched off")
    assert judged([on, off]) == [on]
    assert judged([off]) == [off]
