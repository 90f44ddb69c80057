"""Route `/floor/positions`, `/floor/portfolio` and `/floor/pnl`."""

from apps.pnl.api import tax_views, views
from ohmycoins.core.api.routes import route

TAX_YEAR = "floor/pnl/tax/(?P<financial_year>[^/]+)"

urlpatterns = [
    route("floor/positions", views.PositionsView),
    route(r"floor/positions/(?P<coin_type>[A-Za-z0-9.]{1,20})", views.PositionView),
    route("floor/portfolio", views.PortfolioView),
    route("floor/pnl/summary", views.PnlSummaryView),
    route("floor/pnl/by-coin", views.PnlByCoinView),
    route("floor/pnl/by-algorithm", views.PnlByAlgorithmView),
    route("floor/pnl/by-signal", views.PnlBySignalView),
    route("floor/pnl/history", views.PnlHistoryView),
    route("floor/pnl/realized", views.PnlRealizedView),
    route("floor/pnl/unrealized", views.PnlUnrealizedView),
    route(TAX_YEAR + r"\.csv", tax_views.TaxYearCsvView),
    route(TAX_YEAR + r"\.html", tax_views.TaxYearPageView),
    route(TAX_YEAR, tax_views.TaxYearView),
]
