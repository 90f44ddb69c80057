"""Route `/auth` and `/users`."""

from apps.accounts.api import views
from ohmycoins.core.api.routes import route

urlpatterns = [
    route("auth/token", views.TokenView),
    route("auth/revoke", views.RevokeView),
    route("auth/password-reset", views.PasswordResetView),
    route("auth/password-reset/confirm", views.ConfirmPasswordResetView),
    route("users/me", views.MeView),
    route("users", views.UsersView),
]
