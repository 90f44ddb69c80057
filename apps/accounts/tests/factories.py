"""Build users."""

from functools import cache

import factory
from django.contrib.auth.hashers import make_password

from apps.accounts.models import User

PASSWORD = "correct horse battery"


@cache
def hashed_password() -> str:
    """Hash the password all test users share once: hashing is slow on purpose."""
    return make_password(PASSWORD)


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    email = factory.Sequence(lambda number: f"trader{number}@example.com")
    timezone = "UTC"
    password = factory.LazyFunction(hashed_password)
