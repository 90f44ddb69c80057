"""What every algorithm in ALGORITHMS must be, whoever wrote it."""

import ast
import inspect
import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal as D
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import pytest
import time_machine
from django.conf import settings

from apps.ledgers.records import CandleRecord
from apps.ledgers.services.candles import store_candles
from apps.ledgers.tests.factories import (
    make_event,
    make_fundamental,
    make_metric,
    make_news,
    make_post,
    make_price,
    store_now,
)
from apps.trading.algorithms.base import (
    LEDGER_OF,
    MOST_ROWS,
    Algorithm,
    Input,
    Series,
    as_json,
    code_digest,
    read_parameters,
)
from apps.trading.algorithms.rows import WIDTHS, Row
from apps.trading.algorithms.view import Book, Position
from apps.trading.deciding import decide, judge_inputs, size_of
from apps.trading.records import Denial, Ticket
from apps.trading.services.knowing import read_known
from apps.trading.tests.views import (
    HOUR,
    NOW,
    KnownRows,
    bars,
    figures,
    happened,
    measured,
    said,
    tick,
    view_of,
)
from ohmycoins.core import seams
from ohmycoins.core.errors import Invalid
from ohmycoins.core.money import round_aud

DOCS = Path(settings.BASE_DIR) / "docs"
REASON_LENGTH = 500  # what a decision can keep
EVENT_TYPES = ("listing", "delisting", "suspension", "trading_halt", "maintenance", "sec_filing_8k", "other")


@pytest.fixture(params=sorted(settings.ALGORITHMS), scope="module")
def algorithm(request: pytest.FixtureRequest) -> Algorithm:
    return seams.load("ALGORITHMS")[request.param]


def test_names_itself_as_the_setting_and_its_file_do(algorithm: Algorithm) -> None:
    assert seams.load("ALGORITHMS")[algorithm.slug] is algorithm
    assert re.fullmatch(r"[a-z0-9_]{1,40}", algorithm.slug)
    assert type(algorithm).__module__.rsplit(".", 1)[1] == algorithm.slug
    assert algorithm.title
    assert re.fullmatch(r"\S{1,20}", algorithm.version)
    assert len(code_digest(type(algorithm))) == 64


def test_says_what_it_does_why_and_where_it_fails(algorithm: Algorithm) -> None:
    rationale = type(algorithm).__doc__ or ""
    assert "Why: " in rationale
    assert "Where it fails: " in rationale
    assert f"`{algorithm.slug}`" in (DOCS / "algorithms.md").read_text()


ASKED_ELSEWHERE = {
    "now",
    "utcnow",
    "today",
    "fromtimestamp",
    "open",
    "exec",
    "eval",
    "compile",
    "__import__",
    "input",
}


def test_asks_neither_the_clock_nor_anybody_else(algorithm: Algorithm) -> None:
    """The view says what time it is (`view.now`, which nobody calls); imports are import-linter's to check."""
    source = ast.parse(inspect.getsource(inspect.getmodule(type(algorithm))))  # type: ignore[arg-type]
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(source)
        if isinstance(node, ast.Call)
    }
    assert called & ASKED_ELSEWHERE == set()
    touched = {node.attr for node in ast.walk(source) if isinstance(node, ast.Attribute)}
    assert not any(name.startswith("_") for name in touched)  # what it is shown, and nothing behind it


def test_keeps_nothing_between_decisions(algorithm: Algorithm) -> None:
    decide(algorithm, view_of(algorithm, []))
    assert vars(algorithm) == {}


def test_every_parameter_has_a_default_a_description_and_a_place_in_the_schema(algorithm: Algorithm) -> None:
    schema = algorithm.parameters.model_json_schema()
    assert schema["additionalProperties"] is False
    assert "required" not in schema
    for name, said_of_it in schema["properties"].items():
        assert said_of_it["description"].endswith("."), name
        assert "default" in said_of_it, name


def test_stored_parameters_are_complete_fit_the_schema_and_read_back_the_same(algorithm: Algorithm) -> None:
    parameters = read_parameters(algorithm, {})
    stored = as_json(parameters)
    jsonschema.validate(stored, algorithm.parameters.model_json_schema())
    assert set(stored) == set(algorithm.parameters.model_fields)
    assert read_parameters(algorithm, stored) == parameters
    with pytest.raises(Exception, match="frozen"):
        setattr(parameters, next(iter(stored)), None)


def test_refuses_what_it_does_not_know_and_names_it(algorithm: Algorithm) -> None:
    with pytest.raises(Invalid, match=rf"parameters of {algorithm.slug}: colour: is not one of") as refused:
        read_parameters(algorithm, {"colour": "red"})
    assert set(refused.value.detail["parameters"]) == {"colour"}


def test_refuses_every_number_that_is_out_of_bounds(algorithm: Algorithm) -> None:
    for name, field in algorithm.parameters.model_json_schema()["properties"].items():
        kinds = {kind.get("type") for kind in (field, *field.get("anyOf", ()))}
        if kinds & {"number", "integer"}:
            for wrong in (-(10**30), 10**30, "NaN", "Infinity", "much", None, []):
                with pytest.raises(Invalid, match=name):
                    read_parameters(algorithm, {name: wrong})


def test_declares_what_it_reads_with_the_age_that_each_may_have(algorithm: Algorithm) -> None:
    inputs = algorithm.inputs(read_parameters(algorithm, {}))
    assert inputs
    assert len({each.label for each in inputs}) == len(inputs)
    for each in inputs:
        assert each.series in Series
        assert each.max_age > timedelta(0)
        assert 0 < each.count <= MOST_ROWS
        assert each.within is None or each.within > timedelta(0)
        assert (each.series == Series.CANDLES) == (each.detail in WIDTHS)


def test_where_nothing_is_known_it_holds_and_says_why_and_every_input_is_missing(
    algorithm: Algorithm,
) -> None:
    view = view_of(algorithm, [])
    signal = decide(algorithm, view)
    assert (signal.action, signal.evidence, bool(signal.reason)) == ("hold", (), True)
    verdicts = judge_inputs(algorithm.inputs(view.parameters), KnownRows([]), NOW)
    assert {verdict.state for verdict in verdicts} == {"missing"}


@pytest.mark.django_db
def test_what_it_declares_can_be_read_from_the_ledgers_and_is_fresh_as_soon_as_collected(
    algorithm: Algorithm, clock: Any
) -> None:
    for coin in ("BTC", "ETH"):
        make_price(coin)
        prices = dict.fromkeys(("open", "high", "low", "close"), D(1))
        candle = CandleRecord(
            coin_type=coin, market="AUD", interval="hour", volume=None, occurred_at=NOW - HOUR, **prices
        )
        store_candles([candle], width=HOUR)
    for record in (
        make_news(),
        make_post(),
        make_event(currencies=("BTC",)),
        make_fundamental(),
        make_metric(),
    ):
        store_now(record)
    parameters = read_parameters(algorithm, {})
    inputs = algorithm.inputs(parameters)
    known = read_known(inputs, NOW)
    assert {verdict.state for verdict in judge_inputs(inputs, known, NOW)} == {"ok"}
    assert all(known.rows(each) for each in inputs)
    decide(algorithm, view_of(algorithm, known))


# What may be known: worlds by chance, around what each algorithm reads, the same for the same seed.

SEEDS = range(400)


def past(chance: Random, days: float) -> timedelta:
    """Give how long ago: mostly lately."""
    return timedelta(days=days * chance.random() ** 3 - 0.005)


def rows_for(chance: Random, wanted: Input) -> list[Row]:
    many = chance.choice([0, 1, 10, 60, 60, 60])
    match wanted.series:
        case Series.PRICE:
            return [
                tick(wanted.of, str(chance.randint(1, 10**6)), past(chance, 1))
                for _ in range(chance.choice([0, 1, 1, 9]))
            ]
        case Series.CANDLES:
            walk = accumulate(chance.choice([-3, -1, 1, 3]) for _ in range(wanted.count + 5))
            closes = [None if many == 10 and chance.random() < 0.1 else 200 + step for step in walk]
            return list(bars(closes[-many * 10 :], coin_type=wanted.of, interval=wanted.detail))
        case Series.NEWS | Series.POSTS:
            table = "news" if wanted.series == Series.NEWS else "socialpost"
            mood = chance.uniform(-0.5, 0.5)
            return [
                said(f"{chance.uniform(-0.5, 0.5) + (mood if place % 2 else 0):.4f}",
                     past(chance, 0.25 if place % 2 else 4), engagement=chance.choice([-9, 0, 5, 4000]), table=table)
                for place in range(many)
            ]  # fmt: skip
        case Series.EVENTS:
            return [
                happened(chance.choice(EVENT_TYPES), past(chance, 9), chance.randint(5, 10), "x" * 900)
                for _ in range(many // 10)
            ]
    walk = [10**9 + step * 10**7 for step in accumulate(chance.randint(-5, 5) for _ in range(40))]
    ago = past(chance, 5)
    days = [(value, ago + timedelta(days=day)) for day, value in enumerate(walk) if chance.random() > 0.05]
    if wanted.series == Series.FUNDAMENTALS:
        return [figures(wanted.of, value, ago) for value, ago in days]
    return [measured(value, ago, asset=wanted.of) for value, ago in days[: many or None]]


def world(algorithm: Algorithm, seed: int) -> tuple[Sequence[Row], Book]:
    """Give what is known and a book; half of the books hold coins, some of none of which the algorithm knows."""
    chance = Random(seed)
    inputs = algorithm.inputs(read_parameters(algorithm, {}))
    rows = [row for wanted in inputs for row in rows_for(chance, wanted)]
    coins = [
        *(each.of for each in inputs if chance.random() < 0.5),
        *(["XYZ"] if chance.random() < 0.1 else []),
    ]
    positions = {
        coin: Position(
            D(chance.choice([0, 1, 10**6])) / 7, round_aud(D(chance.choice([0, 1, 2000, 10**6])) / 3),
            chance.choice([None, NOW - HOUR, NOW - timedelta(days=5 * chance.random()), NOW - timedelta(days=9)]),
        )
        for coin in coins
    }  # fmt: skip
    budget = D(chance.choice([0, 1, 3000, 3000, 10**7])) / 3
    return rows, Book(
        cash_aud=D(chance.choice([-1, 0, 500])), equity_aud=budget * 4, budget_aud=budget, positions=positions
    )


def test_whatever_is_known_it_says_what_can_be_done_and_the_same_again(algorithm: Algorithm) -> None:
    heard = set()
    for seed in SEEDS:
        rows, book = world(algorithm, seed)
        view, again = (view_of(algorithm, rows, book=book) for _ in range(2))
        signal = decide(algorithm, view)
        with time_machine.travel(NOW + timedelta(days=1000)):
            assert decide(algorithm, again) == signal, seed
        heard.add(signal.action)
        assert set(signal.evidence) <= set(view.read), seed
        assert len(signal.evidence) <= 10
        assert {ref.ledger for ref in signal.evidence} <= set(LEDGER_OF.values())
        assert 0 < len(signal.reason) <= REASON_LENGTH
        if signal.action == "hold":
            continue
        assert signal.confidence == signal.confidence.quantize(D("0.0001")), seed
        assert signal.fraction is None or signal.fraction == signal.fraction.quantize(D("0.00000001"))
        assert isinstance(size_of(signal, book), Ticket | Denial)
        if signal.action == "sell":
            assert book.quantity(signal.coin_type) > 0, seed
        else:
            assert signal.evidence, seed
            assert signal.coin_type in str(as_json(view.parameters))
    assert {"buy", "hold"} <= heard


def test_what_became_known_later_changes_nothing(algorithm: Algorithm) -> None:
    then = NOW - 6 * HOUR
    for seed in SEEDS:
        rows, book = world(algorithm, seed)
        until = [row for row in rows if row.known_at <= then]
        asked = [decide(algorithm, view_of(algorithm, told, book=book, now=then)) for told in (rows, until)]
        assert asked[0] == asked[1], seed
