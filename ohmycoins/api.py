"""Put the apps' routes together under `/api/v1`."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

urlpatterns = [
    re_path(r"^schema/?$", SpectacularAPIView.as_view(throttle_classes=[]), name="schema"),
    re_path(r"^docs/?$", SpectacularSwaggerView.as_view(url_name="schema", throttle_classes=[]), name="docs"),
    path("", include("apps.accounts.api.urls")),
    path("", include("apps.ledgers.api.urls")),
    path("", include("apps.trading.api.urls")),
    path("", include("apps.pnl.api.urls")),
    path("", include("apps.monitoring.api.urls")),
]
