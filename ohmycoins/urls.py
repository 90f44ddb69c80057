"""Route everything: the API, the admin, health and metrics."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from apps.monitoring.api import views as monitoring

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("ohmycoins.api")),
    path("api-auth/", include("rest_framework.urls")),
    re_path(r"^health(?:/ready)?/?$", monitoring.ready, name="health"),
    re_path(r"^health/live/?$", monitoring.live, name="live"),
    re_path(r"^metrics/?$", monitoring.MetricsView.as_view(), name="metrics"),
]

handler400 = "ohmycoins.core.api.errors.bad_request"
handler403 = "ohmycoins.core.api.errors.forbidden"
handler404 = "ohmycoins.core.api.errors.not_found"
handler500 = "ohmycoins.core.api.errors.server_error"
