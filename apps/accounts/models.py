"""Store users: they log in by e-mail and say who they are as traders."""

from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower

from ohmycoins.core import clock


def validate_timezone(name: str) -> None:
    """Accept a time zone of the IANA database, such as Australia/Sydney."""
    if name not in available_timezones() - {"localtime"}:  # the machine's own: another one elsewhere
        raise ValidationError(f"{name!r} is not a time zone, such as Australia/Sydney", code="timezone")


class UserManager(BaseUserManager["User"]):
    """Create and find users by e-mail, whatever its case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store a user whose password is hashed; without one they cannot log in until it is reset."""
        if not email:
            raise ValueError("a user needs an e-mail address")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **(fields | {"is_staff": True, "is_superuser": True}))

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person who operates, trades, or owns a program's token."""

    class Risk(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"

    class Experience(models.TextChoices):
        BEGINNER = "beginner"
        INTERMEDIATE = "intermediate"
        ADVANCED = "advanced"

    email = models.EmailField(unique=True)
    full_name = models.CharField(max_length=150, blank=True)
    timezone = models.CharField(max_length=64, default="Australia/Sydney", validators=[validate_timezone])
    preferred_currency = models.CharField(
        max_length=3,
        default="AUD",
        validators=[RegexValidator(r"^[A-Z]{3}\Z", "three capital letters, such as AUD")],
    )
    risk_tolerance = models.CharField(max_length=10, choices=Risk, default=Risk.MEDIUM)
    trading_experience = models.CharField(max_length=15, choices=Experience, default=Experience.BEGINNER)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("may use the admin", default=False)
    date_joined = models.DateTimeField(default=clock.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("email",)
        constraints = (
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower_case"),
            models.CheckConstraint(
                condition=models.Q(risk_tolerance__in=["low", "medium", "high"]),
                name="user_risk_tolerance_known",
            ),
            models.CheckConstraint(
                condition=models.Q(trading_experience__in=["beginner", "intermediate", "advanced"]),
                name="user_trading_experience_known",
            ),
        )

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    def get_full_name(self) -> str:
        return self.full_name or self.email

    def get_short_name(self) -> str:
        return self.full_name.split(" ")[0] or self.email
