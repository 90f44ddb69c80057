"""Route `/monitoring`."""

from apps.monitoring.api import protection_views
from ohmycoins.core.api.routes import ID, route

urlpatterns = [
    route("monitoring/protections", protection_views.ProtectionsView),
    route(f"monitoring/protections/{ID}", protection_views.ProtectionView),
]
