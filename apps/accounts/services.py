"""Give out tokens, take them back, and let a user in again who forgot the password."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import transaction
from django.utils.encoding import force_bytes, force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from knox.models import AuthToken

from apps.accounts.models import User
from ohmycoins.core.errors import Conflict, DomainError, Invalid

log = structlog.get_logger(__name__)


class LoginFailed(DomainError):
    """The e-mail and password do not belong to an active user; which of them was wrong is not said."""

    code, status = "LOGIN_FAILED", 401


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as its owner sees it, once; only its hash is stored."""

    token: str
    expires_at: datetime


def issue_token(*, email: str, password: str) -> IssuedToken:
    """Give an active user a new token. Raises LoginFailed."""
    user = authenticate(username=email.strip().lower(), password=password)
    if user is None:
        log.info("auth.login_failed")
        raise LoginFailed("The e-mail address or the password is wrong.")
    row, token = AuthToken.objects.create(user)
    log.info("auth.token_issued", user_id=user.pk)
    return IssuedToken(token=token, expires_at=row.expiry)


def create_user(*, email: str, password: str, full_name: str = "", groups: list[str] | None = None) -> User:
    """Store a user who belongs to `groups`. Raises Conflict (e-mail taken) or Invalid."""
    user = User(email=email.strip().lower(), full_name=full_name)
    if User.objects.filter(email=user.email).exists():
        raise Conflict(f"a user with the e-mail address {user.email} exists already")
    _require_strong(password, user)
    wanted = set(groups or [])
    found = list(Group.objects.filter(name__in=wanted))
    if missing := wanted - {group.name for group in found}:
        known = ", ".join(Group.objects.order_by("name").values_list("name", flat=True))
        raise Invalid(f"groups: {', '.join(sorted(missing))} unknown; there are: {known}")
    with transaction.atomic():
        user.set_password(password)
        user.save()
        user.groups.set(found)
    log.info("auth.user_created", user_id=user.pk)
    return user


def send_reset_mail(*, email: str) -> None:
    """Mail a one-time code when the user exists; say nothing either way."""
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None:
        return
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    code = default_token_generator.make_token(user)
    send_mail(
        "Your Oh My Coins password",
        "Someone, hopefully you, asked to set a new password. To do so, POST to"
        f" /api/v1/auth/password-reset/confirm:\n\n  uid: {uid}\n  code: {code}\n\nOtherwise ignore this.",
        settings.DEFAULT_FROM_EMAIL,
        [user.email],
    )
    log.info("auth.reset_requested", user_id=user.pk)


def reset_password(*, uid: str, code: str, password: str) -> None:
    """Set a new password with a mailed code, and end every session and token. Raises Invalid."""
    try:
        user = User.objects.get(pk=force_str(urlsafe_base64_decode(uid)), is_active=True)
    except (ValueError, OverflowError, User.DoesNotExist):
        user = None
    if user is None or not default_token_generator.check_token(user, code):
        raise Invalid("uid or code: not valid, used already, or too old; ask for a new one")
    _require_strong(password, user)
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        AuthToken.objects.filter(user=user).delete()
    log.info("auth.password_reset", user_id=user.pk)


def _require_strong(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid("password: " + " ".join(error.messages)) from error
