"""Route `/floor/accounts`, `/floor/orders`, `/floor/fills`, what holds them back, `/audit` and `/credentials`."""

from apps.trading.api import (
    audit_views,
    control_views,
    credential_views,
    import_views,
    safety_views,
    twap_views,
    views,
)
from ohmycoins.core.api.routes import ID, route

urlpatterns = [
    route("floor/accounts", views.AccountsView),
    route(f"floor/accounts/{ID}", views.AccountView),
    route(f"floor/accounts/{ID}/activate", safety_views.ActivateView),
    route(f"floor/accounts/{ID}/deactivate", safety_views.DeactivateView),
    route(f"floor/accounts/{ID}/restore", safety_views.RestoreView),
    route("floor/safety", safety_views.SafetyView),
    route("floor/safety/limits", safety_views.LimitsView),
    route("floor/emergency-stop", control_views.EmergencyStopView),
    route("floor/emergency-stop/activate", control_views.EmergencyStopActivateView),
    route("floor/emergency-stop/clear", control_views.EmergencyStopClearView),
    route("floor/orders", views.OrdersView),
    route(f"floor/orders/{ID}", views.OrderView),
    route(f"floor/orders/{ID}/events", views.OrderEventsView),
    route(f"floor/orders/{ID}/cancel", views.OrderCancelView),
    route("floor/twaps", twap_views.TwapsView),
    route(f"floor/twaps/{ID}", twap_views.TwapView),
    route(f"floor/twaps/{ID}/cancel", twap_views.TwapCancelView),
    route("floor/fills/import", import_views.FillsImportView),
    route("audit/events", audit_views.EventsView),
    route("credentials/coinspot", credential_views.CredentialView),
    route("credentials/coinspot/validate", credential_views.CredentialValidateView),
]
