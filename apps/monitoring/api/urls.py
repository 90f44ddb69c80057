"""Route `/monitoring`."""

from apps.monitoring.api import alert_views, collector_views, protection_views, quality_views
from ohmycoins.core.api.routes import ID, route

urlpatterns = [
    route("monitoring/quality", quality_views.QualityView),
    route("monitoring/quality/history", quality_views.QualityHistoryView),
    route("monitoring/coverage", quality_views.CoverageView),
    route("monitoring/metrics", collector_views.CollectorMetricsView),
    route("monitoring/metrics/reset", collector_views.ResetMetricsView),
    route("monitoring/alerts", alert_views.AlertsView),
    route("monitoring/alert-rules", alert_views.AlertRulesView),
    route(f"monitoring/alert-rules/{ID}", alert_views.AlertRuleView),
    route("monitoring/channels", alert_views.ChannelsView),
    route(f"monitoring/channels/{ID}", alert_views.ChannelView),
    route(f"monitoring/channels/{ID}/test", alert_views.ChannelTestView),
    route("monitoring/protections", protection_views.ProtectionsView),
    route(f"monitoring/protections/{ID}", protection_views.ProtectionView),
]
