"""Route `/collectors` and `/ledgers`."""

from apps.ledgers.api import collector_views as collectors
from apps.ledgers.api import ledger_views as ledgers
from ohmycoins.core.api.routes import route

NAME = r"collectors/(?P<name>[a-z0-9_-]+)"

urlpatterns = [
    route("collectors", collectors.CollectorsView),
    route("collectors/health", collectors.CollectorsHealthView),
    route(f"{NAME}/status", collectors.CollectorStatusView),
    route(f"{NAME}/runs", collectors.CollectorRunsView),
    route(f"{NAME}/trigger", collectors.CollectorTriggerView),
    route(f"{NAME}/enable", collectors.CollectorEnableView),
    route(f"{NAME}/disable", collectors.CollectorDisableView),
    route("ledgers/exchange/prices", ledgers.ExchangePricesView),
    route("ledgers/exchange/latest", ledgers.ExchangeLatestView),
    route("ledgers/exchange/depth", ledgers.ExchangeDepthView),
    route("ledgers/exchange/candles", ledgers.ExchangeCandlesView),
    route("ledgers/glass/fundamentals", ledgers.GlassFundamentalsView),
    route("ledgers/glass/metrics", ledgers.GlassMetricsView),
    route("ledgers/human/news", ledgers.HumanNewsView),
    route("ledgers/human/social", ledgers.HumanSocialView),
    route("ledgers/catalyst/events", ledgers.CatalystEventsView),
]
