"""Route `/floor/accounts` and `/floor/orders`."""

from apps.trading.api import views
from ohmycoins.core.api.routes import ID, route

urlpatterns = [
    route("floor/accounts", views.AccountsView),
    route(f"floor/accounts/{ID}", views.AccountView),
    route("floor/orders", views.OrdersView),
    route(f"floor/orders/{ID}", views.OrderView),
    route(f"floor/orders/{ID}/events", views.OrderEventsView),
    route(f"floor/orders/{ID}/cancel", views.OrderCancelView),
]
