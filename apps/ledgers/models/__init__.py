"""Store entries, what their sources know so far, and each run that collected them."""

from apps.ledgers.models.candle import Candle
from apps.ledgers.models.catalyst import CatalystEvent
from apps.ledgers.models.cut import Cut
from apps.ledgers.models.exchange import Depth, LatestDepth, LatestPrice, Price
from apps.ledgers.models.glass import Fundamental, OnChainMetric
from apps.ledgers.models.human import News, SocialPost
from apps.ledgers.models.run import CollectionRun
from apps.ledgers.models.source import Source

__all__ = [
    "Candle",
    "CatalystEvent",
    "CollectionRun",
    "Cut",
    "Depth",
    "Fundamental",
    "LatestDepth",
    "LatestPrice",
    "News",
    "OnChainMetric",
    "Price",
    "SocialPost",
    "Source",
]
