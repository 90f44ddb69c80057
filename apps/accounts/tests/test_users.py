"""Users: their profile, and who may create them."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
ME = "/api/v1/users/me"


def test_profile_is_read_and_changed(api: APIClient, user: User) -> None:
    answer = api.patch(
        ME, {"full_name": "Ada L", "timezone": "Australia/Perth", "risk_tolerance": "high"}, format="json"
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "email": user.email,
        "full_name": "Ada L",
        "timezone": "Australia/Perth",
        "preferred_currency": "AUD",
        "risk_tolerance": "high",
        "trading_experience": "beginner",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [("timezone", "Mars/Base"), ("risk_tolerance", "extreme"), ("preferred_currency", "aud"),
     ("trading_experience", "")],
)  # fmt: skip
def test_bad_profile_value_is_400_and_names_the_field(
    api: APIClient, user: User, field: str, value: str
) -> None:
    answer = api.patch(ME, {field: value}, format="json")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"{field}:")
    assert getattr(User.objects.get(pk=user.pk), field) == getattr(user, field)


def test_email_cannot_be_changed_by_its_owner(api: APIClient, user: User) -> None:
    assert api.patch(ME, {"email": "other@example.com"}, format="json").json()["email"] == user.email


def test_user_with_the_permission_creates_users_in_groups(client_for: Callable[[User], APIClient]) -> None:
    staff = UserFactory()
    staff.user_permissions.add(Permission.objects.get(codename="add_user"))
    Group.objects.create(name="auditors")
    body = {
        "email": "New@Example.com",
        "password": "long enough pw",
        "full_name": "N",
        "groups": ["auditors"],
    }
    answer = client_for(staff).post("/api/v1/users", body, format="json")
    assert answer.status_code == 201
    created = User.objects.get(email="new@example.com")
    assert created.check_password("long enough pw")
    assert [group.name for group in created.groups.all()] == ["auditors"]


def test_is_staff_alone_creates_nobody(client_for: Callable[[User], APIClient]) -> None:
    body = {"email": "new@example.com", "password": "long enough pw"}
    answer = client_for(UserFactory(is_staff=True)).post("/api/v1/users", body, format="json")
    assert answer.status_code == 403
    assert not User.objects.filter(email="new@example.com").exists()


def test_taken_email_is_409_and_unknown_group_is_400(client_for: Callable[[User], APIClient]) -> None:
    client = client_for(UserFactory(is_superuser=True, email="taken@example.com"))
    body = {"email": "TAKEN@example.com", "password": "long enough pw"}
    assert client.post("/api/v1/users", body, format="json").status_code == 409
    body = {"email": "new@example.com", "password": "long enough pw", "groups": ["wizards"]}
    answer = client.post("/api/v1/users", body, format="json")
    assert answer.status_code == 400
    assert "wizards" in answer.json()["message"]
    assert User.objects.count() == 1


def test_database_refuses_a_second_user_that_differs_in_case_only() -> None:
    UserFactory(email="a@example.com")
    with pytest.raises(IntegrityError):
        User.objects.create(email="A@example.com")
