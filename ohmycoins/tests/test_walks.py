"""How coins wander: the figures of a year, beside those of real ones."""

import csv
import itertools
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import correlation, fmean, pstdev

import pytest

from ohmycoins.sandbox import walks
from ohmycoins.sandbox.market import BASES, Market
from ohmycoins.seed.entries import Window, instants

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
YEAR = Window(NOON - timedelta(days=365), NOON)
REAL = Path("/work/shared/data/prices/btc_aud_yahoo_daily_2014_2020.csv")
SEEDS = (42, 1, 2, 3)


def daily_moves(seed: int, coin: str, days: int = 365) -> list[float]:
    """Give the logarithms of a coin's moves from midnight to midnight."""
    last = int(NOON.timestamp()) // 86_400
    levels = [walks.walk(seed, coin, (last - ago) * 1440) for ago in range(days, -1, -1)]
    return [after - before for before, after in itertools.pairwise(levels)]


def excess_kurtosis(moves: list[float]) -> float:
    mean, deviation = fmean(moves), pstdev(moves)
    return fmean([(move - mean) ** 4 for move in moves]) / deviation**4 - 3


def echo(moves: list[float]) -> float:
    """Give how much a number goes with the one before it."""
    return correlation(moves[:-1], moves[1:])


def real_moves() -> list[float]:
    if not REAL.exists():
        pytest.skip(f"{REAL} is not here")
    with REAL.open() as rows:
        closes = [float(row["Close"]) for row in csv.DictReader(rows) if row["Close"] not in ("", "null")]
    return [math.log(after / before) for before, after in itertools.pairwise(closes)]


def test_every_coin_of_the_market_wanders() -> None:
    assert set(walks.COINS) == set(BASES)


def test_walk_follows_from_the_seed_and_the_minute_whatever_was_asked_before() -> None:
    minutes = [int(NOON.timestamp()) // 60 - ago for ago in (0, 59, 60, 100_000, 3_000_000)]
    first = [walks.walk(42, "SOL", minute) for minute in minutes]
    for cached in (walks._hours, walks._minutes, walks._days, walks._noise):
        cached.cache_clear()
    assert [walks.walk(42, "SOL", minute) for minute in reversed(minutes)] == first[::-1]
    assert walks.walk(43, "SOL", minutes[0]) != first[0]
    assert len(set(first)) == len(first)


def test_minutes_lead_from_hour_to_hour_without_a_jump() -> None:
    start = int((NOON - timedelta(days=2)).timestamp()) // 60
    levels = [walks.walk(42, "DOGE", start + minute) for minute in range(2 * 1440)]
    steps = [abs(after - before) for before, after in itertools.pairwise(levels)]
    assert max(steps) < 0.01
    assert max(steps[59::60]) < 0.01  # from one hour's bridge to the next
    assert sum(step == 0 for step in steps) == 0


def test_before_there_were_prices_a_coin_stands_at_its_base() -> None:
    assert walks.walk(42, "BTC", 0) == walks.walk(42, "BTC", 59) == 0.0


def test_ask_is_above_bid_and_the_spread_below_one_per_cent_all_year() -> None:
    market = Market(42)
    for at in list(instants(YEAR))[::7]:
        for coin in BASES:
            tick = market.tick(coin, at)
            bid, ask, last = float(tick.bid), float(tick.ask), float(tick.last)
            assert 0 < bid < ask
            assert (ask - bid) / ask < 0.01
            assert bid <= last <= ask


@pytest.mark.parametrize("coin", BASES)
def test_fewer_than_a_tenth_of_daily_moves_exceed_five_per_cent(coin: str) -> None:
    moves = [abs(math.exp(move) - 1) for move in daily_moves(42, coin)]
    assert sum(move > 0.05 for move in moves) / len(moves) < 0.10
    assert max(moves) > 0.05  # and yet some do


def test_fewer_than_a_tenth_of_daily_moves_exceed_five_per_cent_whatever_the_seed() -> None:
    moves = [
        abs(math.exp(move) - 1) for seed in range(20) for coin in BASES for move in daily_moves(seed, coin)
    ]
    assert sum(move > 0.05 for move in moves) / len(moves) < 0.08


@pytest.mark.parametrize("seed", SEEDS)
def test_bitcoin_is_the_calmest_and_all_coins_move_with_it(seed: int) -> None:
    moves = {coin: daily_moves(seed, coin) for coin in BASES}
    unrest = {coin: pstdev(moves[coin]) for coin in BASES}
    assert min(unrest, key=lambda coin: unrest[coin]) == "BTC"
    assert len({round(each, 6) for each in unrest.values()}) == len(BASES)
    for coin in BASES:
        assert 0.012 < unrest[coin] < 0.04
        assert coin == "BTC" or 0.45 < correlation(moves["BTC"], moves[coin]) < 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_there_are_calm_and_restless_times_and_fat_tails(seed: int) -> None:
    moves = daily_moves(seed, "ETH", 3 * 365)
    months = [pstdev(moves[start : start + 30]) for start in range(0, len(moves) - 30, 30)]
    assert max(months) > 2 * min(months)
    assert excess_kurtosis(moves) > 1
    assert echo([abs(move) for move in moves]) > 0.02
    assert abs(echo(moves)) < 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_no_coin_is_lost_or_takes_off_for_good(seed: int) -> None:
    for coin in BASES:
        levels = [
            math.exp(walks.walk(seed, coin, day * 1440))
            for day in range(walks.FIRST_DAY, walks.FIRST_DAY + 5000)
        ]
        assert min(levels) > 0.15
        assert max(levels) < 6
        assert 0.6 < fmean(levels) < 1.6


@pytest.mark.parametrize("seed", SEEDS)
def test_bitcoin_s_figures_are_near_the_real_ones(seed: int) -> None:
    """Real ones of 2014 to 2020, which were wilder than those since: half of their unrest, at least."""
    real, ours = real_moves(), daily_moves(seed, "BTC", 6 * 365)
    assert 0.4 < pstdev(ours) / pstdev(real) < 1
    assert 1 < excess_kurtosis(ours) < 2 * excess_kurtosis(real)
    assert abs(echo(ours) - echo(real)) < 0.1
    assert 0 < echo([abs(move) for move in ours]) < 2 * echo([abs(move) for move in real])
