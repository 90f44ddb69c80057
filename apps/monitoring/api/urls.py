"""Route `/monitoring`."""

from apps.monitoring.api import collector_views
from ohmycoins.core.api.routes import route

urlpatterns = [
    route("monitoring/metrics", collector_views.CollectorMetricsView),
    route("monitoring/metrics/reset", collector_views.ResetMetricsView),
]
