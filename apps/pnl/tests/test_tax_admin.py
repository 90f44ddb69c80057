"""Tax rules in the admin: operators add them, nobody changes them."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.pnl.models import TaxRule
from apps.pnl.tax import DISCOUNT_PERCENT
from ohmycoins.groups import sync_groups

RULES = "/admin/pnl/taxrule/"


def text(answer: Any) -> str:
    return str(answer.content.decode())


def person(group: str) -> Client:
    sync_groups()
    one = UserFactory(is_staff=True)
    one.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(one)
    return client


NEW_RULE = {
    "name": DISCOUNT_PERCENT,
    "value": "25",
    "effective_from": "2027-07-01",
    "effective_to": "",
    "source": "A new Act",
}


@pytest.mark.django_db
def test_operator_adds_a_rule_and_nobody_changes_one() -> None:
    operator = person("operators")
    assert operator.post(f"{RULES}add/", NEW_RULE).status_code == 302
    rule = TaxRule.objects.get(effective_from="2027-07-01")
    assert (rule.value, rule.effective_to, rule.source) == (25, None, "A new Act")
    assert rule.added_by == f"user:{User.objects.get().pk}"
    assert "A new Act" in text(operator.get(RULES))
    assert operator.post(f"{RULES}{rule.pk}/change/", NEW_RULE | {"value": "1"}).status_code == 403
    assert operator.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"}).status_code == 403
    rule.refresh_from_db()
    assert rule.value == 25


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes", [{"value": "101"}, {"effective_to": "2027-06-30"}, {"name": "a_new_tax"}, {"source": ""}]
)
def test_senseless_rule_is_refused_with_a_word_about_it(changes: dict[str, str]) -> None:
    before = TaxRule.objects.count()
    answer = person("operators").post(f"{RULES}add/", NEW_RULE | changes)
    assert (answer.status_code, TaxRule.objects.count()) == (200, before)
    assert re.search(
        "cannot have such a value|must end after it begins|not one of the available|required", text(answer)
    )


@pytest.mark.django_db
def test_auditor_sees_rules_and_adds_none() -> None:
    auditor = person("auditors")
    assert "cgt_discount_percent" in text(auditor.get(RULES)) or "per cent of a discount gain" in text(
        auditor.get(RULES)
    )
    assert auditor.post(f"{RULES}add/", NEW_RULE).status_code == 403
    assert not TaxRule.objects.filter(source="A new Act").exists()
