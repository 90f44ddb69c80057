"""Route `/floor/positions`, `/floor/portfolio` and `/floor/pnl`."""

from apps.pnl.api import views
from ohmycoins.core.api.routes import route

urlpatterns = [
    route("floor/positions", views.PositionsView),
    route(r"floor/positions/(?P<coin_type>[A-Za-z0-9]{1,20})", views.PositionView),
    route("floor/portfolio", views.PortfolioView),
    route("floor/pnl/summary", views.PnlSummaryView),
    route("floor/pnl/by-coin", views.PnlByCoinView),
    route("floor/pnl/by-algorithm", views.PnlByAlgorithmView),
    route("floor/pnl/by-signal", views.PnlBySignalView),
    route("floor/pnl/history", views.PnlHistoryView),
    route("floor/pnl/realized", views.PnlRealizedView),
    route("floor/pnl/unrealized", views.PnlUnrealizedView),
]
