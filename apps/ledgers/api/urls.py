"""Route `/collectors` and `/ledgers`."""

from apps.ledgers.api import views
from ohmycoins.core.api.routes import route

NAME = r"collectors/(?P<name>[a-z0-9_-]+)"

urlpatterns = [
    route("collectors", views.CollectorsView),
    route("collectors/health", views.CollectorsHealthView),
    route(f"{NAME}/status", views.CollectorStatusView),
    route(f"{NAME}/runs", views.CollectorRunsView),
    route(f"{NAME}/trigger", views.CollectorTriggerView),
    route(f"{NAME}/enable", views.CollectorEnableView),
    route(f"{NAME}/disable", views.CollectorDisableView),
    route("ledgers/exchange/prices", views.ExchangePricesView),
    route("ledgers/exchange/latest", views.ExchangeLatestView),
]
