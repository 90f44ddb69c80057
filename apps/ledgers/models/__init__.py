"""Store entries, what their sources know so far, and each run that collected them."""

from apps.ledgers.models.exchange import LatestPrice, Price
from apps.ledgers.models.run import CollectionRun
from apps.ledgers.models.source import Source

__all__ = ["CollectionRun", "LatestPrice", "Price", "Source"]
