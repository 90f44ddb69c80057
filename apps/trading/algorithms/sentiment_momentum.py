"""Follow the mood: buy when what is written about a coin sounds better than it did, sell when it sounds worse."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, model_validator

from apps.trading.algorithms.base import Coin, Input, Parameters, Series, Signal, Stake, hold, refs, rounded
from apps.trading.algorithms.rows import Said
from apps.trading.algorithms.view import View
from apps.trading.records import BUY, SELL

READ = {"both": (Series.NEWS, Series.POSTS), "news": (Series.NEWS,), "posts": (Series.POSTS,)}
MAX_AGE = timedelta(hours=2)
"""Read every quarter of an hour; the quiet hours of a night are no outage."""
SHOWN = 5
Change = Annotated[Decimal, Field(ge=-2, le=2, decimal_places=4)]


class SentimentMomentumParameters(Parameters):
    coin_type: Coin = Field(default="BTC", description="What to trade, and to read about.")
    read: Literal["both", "news", "posts"] = Field(
        default="both", description="News, posts or both; a source that is off stops purchases."
    )
    recent_hours: int = Field(default=6, ge=1, le=168, description="How far back the mood of now reaches.")
    baseline_hours: int = Field(default=72, ge=2, le=720, description="How far back the usual mood reaches.")
    minimum_texts: int = Field(default=5, ge=1, le=500, description="Texts needed in each of the two.")
    entry_change: Change = Field(
        default=Decimal("0.1"),
        description="Buy when sentiment (-1 to 1) is so much above the usual, or more.",
    )
    exit_change: Change = Field(default=Decimal("-0.05"), description="Sell when so much above, or less.")
    hold_hours: int = Field(default=12, ge=0, le=720, description="Sell no sooner after the last purchase.")
    fraction: Stake = Decimal(1)

    @model_validator(mode="after")
    def _bounds_fit(self) -> "SentimentMomentumParameters":
        self.require_less("recent_hours", "baseline_hours")
        self.require_less("exit_change", "entry_change")
        return self


class SentimentMomentum:
    """Buys when texts about a coin sound better than they used to, and sells all when they sound worse.

    Compares the mean sentiment of the last hours with that of the days before them. A text counts once, and once
    more each time the number of people who reacted doubles, so that many count more and no crowd drowns the rest.
    Why: moods spread from those who write to those who buy, and that takes time.
    Where it fails: texts follow prices as often as they lead; irony, bots and paid praise are read as written; a
    coin of which few write is judged by a handful of texts, or not at all.
    """

    slug = "sentiment_momentum"
    title = "Sentiment momentum"
    version = "1"
    parameters = SentimentMomentumParameters

    def inputs(self, parameters: SentimentMomentumParameters) -> tuple[Input, ...]:
        within = timedelta(hours=parameters.baseline_hours)
        return tuple(
            Input(series=series, of=parameters.coin_type, max_age=MAX_AGE, within=within)
            for series in READ[parameters.read]
        )

    def decide(self, view: View) -> Signal:
        wanted: SentimentMomentumParameters = view.parameters
        since = view.now - timedelta(hours=wanted.recent_hours)
        texts = _texts(view, wanted)
        recent = [text for text in texts if text.occurred_at >= since]
        earlier = [text for text in texts if text.occurred_at < since]
        if min(len(recent), len(earlier)) < wanted.minimum_texts:
            needed = f"{wanted.minimum_texts} of each are needed"
            return hold(f"{len(recent)} texts now and {len(earlier)} before; {needed}")
        usual = _mean(earlier)
        change = _mean(recent) - usual
        said = f"sentiment is {rounded(change):+} against the usual {rounded(usual):+}"
        position = view.book.positions.get(wanted.coin_type)
        is_held = position is not None and position.quantity > 0
        if change >= Fraction(wanted.entry_change) and not is_held:
            return _signal(BUY, wanted, said, recent, usual)
        if change <= Fraction(wanted.exit_change) and position is not None and is_held:
            held_since = position.bought_at
            if held_since and view.now - held_since < timedelta(hours=wanted.hold_hours):
                return hold(f"{said}, but it was bought less than {wanted.hold_hours} h ago")
            return _signal(SELL, wanted, said, recent, usual)
        return hold(f"{said}, {'held' if is_held else 'not held'}")


def _texts(view: View, wanted: SentimentMomentumParameters) -> list[Said]:
    ask = {Series.NEWS: view.news, Series.POSTS: view.posts}
    within = timedelta(hours=wanted.baseline_hours)
    return [text for series in READ[wanted.read] for text in ask[series](wanted.coin_type, within)]


def _weight(text: Said) -> int:
    """Give 1 for no reaction, 2 for one, 3 for three, 4 for seven; votes may sum to less than nothing."""
    return (max(text.engagement, 0) + 1).bit_length()


def _mean(texts: Sequence[Said]) -> Fraction:
    total = sum((text.sentiment_score * _weight(text) for text in texts), Decimal(0))
    return Fraction(total) / sum(map(_weight, texts))


def _signal(
    action: str, wanted: SentimentMomentumParameters, said: str, recent: Sequence[Said], usual: Fraction
) -> Signal:
    """Rest on the texts that pulled the mood furthest the signal's way."""
    way = 1 if action == BUY else -1
    pulls = {text: way * (Fraction(text.sentiment_score) - usual) * _weight(text) for text in recent}
    agreeing = [text for text in recent if pulls[text] > 0]
    agreeing.sort(key=lambda text: (pulls[text], text.occurred_at, text.ref.table, text.ref.id), reverse=True)
    return Signal(
        action=action, coin_type=wanted.coin_type, fraction=wanted.fraction if action == BUY else Decimal(1),
        confidence=rounded(Fraction(sum(map(_weight, agreeing)), sum(map(_weight, recent)))),
        reason=said, evidence=refs((agreeing or recent)[:SHOWN]),
    )  # fmt: skip
