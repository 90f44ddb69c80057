"""Route `/floor/positions`, `/floor/portfolio`, `/floor/trades`, `/floor/pnl` and `/lab/backtests`."""

from apps.pnl.api import backtest_views, book_views, export_views, tax_views, views
from ohmycoins.core.api.routes import ID, route

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
    route("floor/trades", book_views.TradesView),
    route("floor/trades/stats", book_views.TradeStatsView),
    route("floor/pnl/lots", book_views.LotsView),
    route(f"floor/pnl/lots/{ID}/cost", book_views.LotCostView),
    route("floor/pnl/matches", book_views.MatchesView),
    route("floor/pnl/unmatched", book_views.UnmatchedView),
    route(r"floor/pnl/export\.csv", export_views.ExportCsvView),
    route(r"floor/pnl/export\.xlsx", export_views.ExportXlsxView),
    route("lab/backtests", backtest_views.BacktestsView),
    route(f"lab/backtests/{ID}", backtest_views.BacktestView),
    route(f"lab/backtests/{ID}/cancel", backtest_views.CancelBacktestView),
    route(f"lab/backtests/{ID}/resume", backtest_views.ResumeBacktestView),
    route(f"lab/backtests/{ID}/trades", backtest_views.BacktestTradesView),
]
