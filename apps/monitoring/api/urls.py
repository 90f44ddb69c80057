"""Route `/monitoring`."""

from apps.monitoring.api import alert_views
from ohmycoins.core.api.routes import ID, route

urlpatterns = [
    route("monitoring/alerts", alert_views.AlertsView),
    route("monitoring/alert-rules", alert_views.AlertRulesView),
    route(f"monitoring/alert-rules/{ID}", alert_views.AlertRuleView),
    route("monitoring/channels", alert_views.ChannelsView),
    route(f"monitoring/channels/{ID}", alert_views.ChannelView),
    route(f"monitoring/channels/{ID}/test", alert_views.ChannelTestView),
]
