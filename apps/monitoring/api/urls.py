"""Route `/monitoring`."""

from apps.monitoring.api import quality_views
from ohmycoins.core.api.routes import route

urlpatterns = [
    route("monitoring/quality", quality_views.QualityView),
    route("monitoring/quality/history", quality_views.QualityHistoryView),
    route("monitoring/coverage", quality_views.CoverageView),
]
