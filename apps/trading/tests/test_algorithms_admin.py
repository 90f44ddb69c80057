"""Algorithms in the admin: set up in a form of their own, promoted, deployed; decisions to look at."""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from pydantic import Field, model_validator

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.trading.admin.parameters import ParametersForm
from apps.trading.algorithms.base import Coin, Input, Parameters, Share, Signal, hold
from apps.trading.models import Algorithm, Deployment, Event, Promotion
from apps.trading.services.algorithms import digest_of
from apps.trading.tests.algorithms import (
    SLUG,
    backtest,
    make_decision,
    make_deployment,
    make_draft,
    make_evidence,
    make_on_paper,
)
from ohmycoins.core import seams
from ohmycoins.groups import sync_groups

pytestmark = pytest.mark.django_db
ALGORITHMS = "/admin/trading/algorithm/"
MAKE = f"{ALGORITHMS}make/?slug={SLUG}"
PROMOTIONS = "/admin/trading/promotion/"
DEPLOYMENTS = "/admin/trading/deployment/"
DECISIONS = "/admin/trading/decision/"
FILLED_IN = {
    "name": "Save up", "owner": "saver@example.com", "parameters-coin_type": "ETH",
    "parameters-amount_aud": "12.5", "parameters-max_price_age_minutes": "7",
}  # fmt: skip
STORED = {"coin_type": "ETH", "amount_aud": "12.5", "max_price_age_minutes": 7}


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def act(client: Client, where: str, action: str, *ids: int, **fields: str) -> str:
    body = {"action": action, "_selected_action": ids, **fields}
    return text(client.post(where, body, follow=True))


def staff(*rights: str) -> User:
    person = UserFactory(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return person


# The form of a rule ---------------------------------------------------------------------------------


class Mood(StrEnum):
    CALM = "calm"
    BOLD = "bold"


class AllKinds(Parameters):
    coins: tuple[Coin, ...] = Field(default=("BTC", "ETH"), min_length=1, description="Which <coins>.")
    weights: dict[Coin, Share] = Field(default={"BTC": Decimal("0.5")})
    mood: Mood = Field(default=Mood.CALM)
    pace: Literal["slow", "fast"] = "slow"
    careful: bool = True
    days: int = Field(gt=0, lt=100, description="How many.")
    share: Share = Decimal("0.25")
    note: str = Field(default="", max_length=20)
    floor_aud: Decimal | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _weigh(self) -> "AllKinds":
        if sum(self.weights.values()) > 1:
            raise ValueError("the weights are more than 1 together")
        return self


class Every:
    """Has a parameter of every kind."""

    slug, title, version, parameters = "every", "Every kind", "1", AllKinds

    def inputs(self, parameters: AllKinds) -> tuple[Input, ...]:
        return ()

    def decide(self, view: Any) -> Signal:
        return hold("never")


@pytest.fixture
def every(monkeypatch: pytest.MonkeyPatch) -> Every:
    rule, load = Every(), seams.load
    monkeypatch.setattr(seams, "load", lambda name: load(name) | {"every": rule})
    return rule


TYPED = {
    "parameters-coins": "BTC, SOL", "parameters-weights": "BTC: 0.4\n\nSOL: 0.6\n", "parameters-mood": "bold",
    "parameters-pace": "fast", "parameters-days": "3", "parameters-share": "0.10", "parameters-note": "hm",
    "parameters-floor_aud": "",
}  # fmt: skip


def test_every_kind_of_parameter_has_its_field_filled_with_its_default(every: Every) -> None:
    form = ParametersForm(rule=every)
    assert {name: type(field).__name__ for name, field in form.fields.items()} == {
        "coins": "ListField", "weights": "TableField", "mood": "ChoiceField", "pace": "ChoiceField",
        "careful": "BooleanField", "days": "IntegerField", "share": "DecimalField", "note": "CharField",
        "floor_aud": "DecimalField",
    }  # fmt: skip
    assert {name for name, field in form.fields.items() if field.required} == {
        "coins", "mood", "pace", "days", "share",
    }  # fmt: skip
    page = form.as_p()
    for said in (
        'value="BTC, ETH"',
        "BTC: 0.5",
        '<option value="calm" selected>',
        'value="0.25"',
        " checked",
    ):
        assert said in page
    assert form.fields["days"].help_text == "How many. Above 0, below 100."
    assert form.fields["share"].help_text == "Above 0, at most 1. Default: 0.25."
    assert form.fields["coins"].help_text == ("Which &lt;coins&gt;. At least 1 of them. Separated by commas.")


def test_what_is_filled_in_is_what_the_api_would_store(every: Every) -> None:
    form = ParametersForm(TYPED, rule=every)
    assert form.is_valid(), form.errors
    assert form.parameters == {
        "coins": ["BTC", "SOL"], "weights": {"BTC": "0.4", "SOL": "0.6"}, "mood": "bold", "pace": "fast",
        "careful": False, "days": 3, "share": "0.10", "note": "hm", "floor_aud": None,
    }  # fmt: skip
    empty = ParametersForm(TYPED | {"parameters-weights": "", "parameters-note": ""}, rule=every)
    assert empty.is_valid(), empty.errors
    assert (empty.parameters["weights"], empty.parameters["note"]) == ({}, "")
    again = ParametersForm(rule=every, stored=form.parameters)
    assert "SOL: 0.6" in again.as_p()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("days", "", "This field is required."),
        ("days", "soon", "Enter a whole number."),
        ("days", "100", "Input should be less than 100"),
        ("share", "1.5", "Input should be less than or equal to 1"),
        ("share", "NaN", "Enter a number."),
        ("floor_aud", "0.5", "Input should be greater than or equal to 1"),
        ("coins", "BTC, btc", "1: expected a coin's symbol in upper case"),
        ("coins", " , ", "This field is required."),
        ("weights", "BTC 0.5", "expected a name, a colon and a value"),
        ("weights", "BTC: 0.5\nBTC: 0.1", "BTC is there twice"),
        ("weights", "BTC: lots", "BTC: Input should be a valid decimal"),
        ("mood", "angry", "Select a valid choice"),
        ("note", "x" * 21, "at most 20 characters"),
    ],
)
def test_field_that_is_wrong_says_so(every: Every, field: str, value: str, said: str) -> None:
    form = ParametersForm(TYPED | {f"parameters-{field}": value}, rule=every)
    assert not form.is_valid()
    assert list(form.errors) == [field]
    assert said in " ".join(form.errors[field])


def test_what_is_wrong_with_all_together_is_said_above(every: Every) -> None:
    form = ParametersForm(TYPED | {"parameters-weights": "BTC: 0.9\nSOL: 0.9"}, rule=every)
    assert form.non_field_errors() == ["the weights are more than 1 together"]


@pytest.mark.parametrize("slug", sorted(seams.load("ALGORITHMS")))
def test_form_of_every_shipped_rule_takes_its_own_defaults(slug: str) -> None:
    rule = seams.load("ALGORITHMS")[slug]
    shown = ParametersForm(rule=rule)
    filled = {}
    for name in shown.fields:
        value = shown[name].value()
        if value not in (None, False):
            filled[f"parameters-{name}"] = str(value)
    form = ParametersForm(filled, rule=rule)
    assert form.is_valid(), form.errors
    assert form.parameters == rule.parameters().model_dump(mode="json")


# Set up ---------------------------------------------------------------------------------------------


def test_algorithm_is_made_from_a_form(admin_client: Client, admin_user: User) -> None:
    owner = UserFactory(email="saver@example.com")
    page = text(admin_client.get(ALGORITHMS))
    assert f'href="{ALGORITHMS}make/"' in page
    rules = text(admin_client.get(f"{ALGORITHMS}make/"))
    assert "Dollar-cost averaging" in rules
    assert "Buys the same amount of one coin at every run" in rules
    asked = text(admin_client.get(MAKE))
    assert 'name="parameters-amount_aud" value="50"' in asked
    assert "What to spend a run, fee included. At least 1, at most 100000. Default: 50." in asked
    done = text(admin_client.post(MAKE, FILLED_IN, follow=True))
    algorithm = Algorithm.objects.get()
    assert f"{algorithm} is a draft" in done
    assert (algorithm.user, algorithm.name, algorithm.parameters) == (owner, "Save up", STORED)
    assert Event.objects.get().actor == f"user:{admin_user.pk}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parameters-amount_aud": "0.99"}, "Input should be greater than or equal to 1"),
        ({"parameters-amount_aud": ""}, "This field is required."),
        ({"parameters-max_price_age_minutes": "1.5"}, "Enter a whole number."),
        ({"parameters-coin_type": "eth"}, "expected a coin&#x27;s symbol in upper case"),
        ({"owner": "nobody@example.com"}, "There is no user with this address."),
        ({"name": ""}, "This field is required."),
        ({"name": "Taken"}, "names are a user&#x27;s only once"),
    ],
)
def test_form_that_is_wrong_says_why_and_stores_nothing(
    admin_client: Client, change: dict[str, str], said: str
) -> None:
    make_draft(UserFactory(email="saver@example.com"), name="Taken")
    page = text(admin_client.post(MAKE, FILLED_IN | change))
    assert said in page.replace("&#39;", "&#x27;")
    assert 'value="7"' in page or "max_price_age" in str(change), "what was filled in stays"
    assert Algorithm.objects.count() == 1


def test_unknown_rule_leads_back_to_those_there_are(admin_client: Client) -> None:
    page = text(admin_client.get(f"{ALGORITHMS}make/?slug=moon", follow=True))
    assert "is not one of" in page
    assert "New algorithm: which rule?" in page


def test_algorithm_is_set_up_anew_in_its_form(admin_client: Client, admin_user: User) -> None:
    algorithm = make_on_paper(amount_aud="60")
    where = f"{ALGORITHMS}{algorithm.pk}/set-up/"
    assert f'href="{where}"' in text(admin_client.get(f"{ALGORITHMS}{algorithm.pk}/change/"))
    assert 'name="parameters-amount_aud" value="60"' in text(admin_client.get(where))
    page = text(admin_client.post(where, FILLED_IN | {"parameters-amount_aud": "0"}))
    assert "Input should be greater than or equal to 1" in page
    algorithm.refresh_from_db()
    assert algorithm.version == 1
    page = text(admin_client.post(where, FILLED_IN, follow=True))
    assert "is version 2, draft" in page
    algorithm.refresh_from_db()
    assert (algorithm.version, algorithm.status, algorithm.name, algorithm.parameters) == (
        2, "draft", "Save up", STORED,
    )  # fmt: skip
    assert Event.objects.latest("id").actor == f"user:{admin_user.pk}"


def test_form_says_that_a_deployed_algorithm_is_not_changed(admin_client: Client) -> None:
    deployment = make_deployment()
    where = f"{ALGORITHMS}{deployment.algorithm_id}/set-up/"
    assert "is deployed: stop its deployments first" in text(admin_client.post(where, FILLED_IN))
    assert Algorithm.objects.get().version == 1


def test_algorithm_is_promoted_to_paper_and_archived(admin_client: Client, admin_user: User) -> None:
    algorithm = backtest(make_draft())
    assert "version 1. It is approved at once." in act(admin_client, ALGORITHMS, "to_paper", algorithm.pk)
    assert Algorithm.objects.get().status == "backtested"
    page = act(admin_client, ALGORITHMS, "to_paper", algorithm.pk, confirmed="yes", reason="looks well")
    assert f"{algorithm} to paper: approved." in page
    assert Promotion.objects.get().requested_by == admin_user
    page = act(admin_client, ALGORITHMS, "to_live", algorithm.pk, confirmed="yes", reason="go")
    assert "0 decisions on paper" in page
    page = act(admin_client, ALGORITHMS, "archive", algorithm.pk, confirmed="yes", reason="done with it")
    assert "is archived." in page
    assert Event.objects.latest("id").reason == "done with it"
    assert admin_client.get(f"{ALGORITHMS}{algorithm.pk}/set-up/").status_code == 403


# Answered -------------------------------------------------------------------------------------------


@pytest.fixture
def pending() -> Promotion:
    algorithm = make_on_paper()
    return Promotion.objects.create(
        algorithm=algorithm, version=1, code_digest=digest_of(SLUG), target="live", notes="please",
        requested_by=algorithm.user,
        grounds={"paper": {"since": "2026-03-02", "days": 7, "decisions": 20, "filled_orders": 3}},
    )  # fmt: skip


def test_promotion_is_rejected_with_a_reason(
    admin_client: Client, admin_user: User, pending: Promotion
) -> None:
    asked = act(admin_client, PROMOTIONS, "reject", pending.pk)
    assert "On paper since 2026-03-02: on 7 days; at least 20 decisions, 3 orders filled." in asked
    assert "please" in asked
    done = act(admin_client, PROMOTIONS, "reject", pending.pk, confirmed="yes", reason="too soon")
    assert "to live: rejected." in done
    pending.refresh_from_db()
    assert (pending.decided_by, pending.reason) == (admin_user, "too soon")


def test_promotion_whose_conditions_are_gone_is_not_approved(
    admin_client: Client, pending: Promotion
) -> None:
    page = act(admin_client, PROMOTIONS, "approve", pending.pk, confirmed="yes", reason="go")
    assert "decisions on paper" in page
    pending.refresh_from_db()
    assert pending.status == "pending"


def test_promotion_is_approved(
    admin_client: Client, pending: Promotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.trading.services.promotions._examine", lambda *_: ({}, []))
    page = act(admin_client, PROMOTIONS, "approve", pending.pk, confirmed="yes", reason="go")
    assert "to live: approved." in page
    assert Algorithm.objects.get().status == "live"


def test_who_asked_does_not_answer_in_the_admin_either(
    admin_client: Client, admin_user: User, pending: Promotion
) -> None:
    Promotion.objects.filter(pk=pending.pk).update(requested_by=admin_user)
    page = act(admin_client, PROMOTIONS, "approve", pending.pk, confirmed="yes", reason="go")
    assert "It takes a second person" in page
    pending.refresh_from_db()
    assert pending.status == "pending"


def test_staff_without_the_right_answers_nothing(client: Client, pending: Promotion) -> None:
    client.force_login(staff("view_promotion"))
    page = act(client, PROMOTIONS, "approve", pending.pk, confirmed="yes", reason="go")
    assert 'value="approve"' not in page
    pending.refresh_from_db()
    assert pending.status == "pending"


# Deployed -------------------------------------------------------------------------------------------


def test_deployment_is_paused_resumed_and_stopped_with_reasons(
    admin_client: Client, admin_user: User
) -> None:
    deployment = make_deployment()
    for action, status in (("pause", "paused"), ("resume", "active"), ("stop", "stopped")):
        assert "is " in act(admin_client, DEPLOYMENTS, action, deployment.pk)
        page = act(admin_client, DEPLOYMENTS, action, deployment.pk, confirmed="yes", reason=f"to {action}")
        assert f"Deployment {deployment.pk} is {status}." in page
        deployment.refresh_from_db()
        assert deployment.status == status
        event = Event.objects.latest("id")
        assert (event.actor, event.reason) == (f"user:{admin_user.pk}", f"to {action}")
    page = act(admin_client, DEPLOYMENTS, "resume", deployment.pk, confirmed="yes", reason="x")
    assert "is stopped, not paused" in page


def test_staff_without_the_right_commands_nothing(client: Client) -> None:
    deployment = make_deployment()
    client.force_login(staff("view_deployment"))
    act(client, DEPLOYMENTS, "stop", deployment.pk, confirmed="yes", reason="x")
    deployment.refresh_from_db()
    assert deployment.status == "active"


# Seen -----------------------------------------------------------------------------------------------


def test_decision_shows_evidence_quality_and_denials(admin_client: Client) -> None:
    denial = {"code": "STALE_INPUT", "message": "price:BTC is <400> s old", "limit": "300", "value": "400"}
    quality = [
        {
            "series": "price:BTC",
            "state": "stale",
            "known_at": None,
            "age_seconds": 400,
            "max_age_seconds": 300,
        },
        {
            "series": "news:BTC",
            "state": "missing",
            "known_at": None,
            "age_seconds": None,
            "max_age_seconds": 60,
        },
    ]
    decision = make_decision(make_deployment(), denials=[denial], quality=quality, reads={"price": [31]})
    make_evidence(decision, 4711)
    page = text(admin_client.get(f"{DECISIONS}{decision.pk}/change/"))
    for said in (
        "4711", "coinspot_prices", "STALE_INPUT: price:BTC is &lt;400&gt; s old",
        "price:BTC: stale, 400 s old (at most 300 s)", "news:BTC: missing, never seen (at most 60 s)", "why not",
    ):  # fmt: skip
        assert said in page
    assert "STALE_INPUT" in text(admin_client.get(DECISIONS))


def test_decisions_are_filtered(admin_client: Client) -> None:
    decision = make_decision(make_deployment(), reason="only this")
    where = f"{DECISIONS}?deployment__id__exact={decision.deployment_id}"
    assert where in text(admin_client.get(DEPLOYMENTS)).replace("&amp;", "&")
    assert "only this" in text(admin_client.get(where))
    assert "only this" in text(admin_client.get(f"{DECISIONS}?status__exact=done&action__exact=buy"))
    assert "only this" not in text(admin_client.get(f"{DECISIONS}?status__exact=failed"))


@pytest.mark.parametrize("make", [make_draft, make_deployment, lambda: make_decision(make_deployment())])
def test_pages_open_and_nothing_is_edited_or_deleted_by_hand(
    admin_client: Client, make: Callable[[], Any]
) -> None:
    row = make()
    where = f"/admin/trading/{row._meta.model_name}/"
    assert str(row.pk) in text(admin_client.get(where))
    text(admin_client.get(f"{where}{row.pk}/change/"))
    assert admin_client.get(f"{where}add/").status_code == 403
    assert admin_client.post(f"{where}{row.pk}/change/", {"status": "live"}).status_code == 403
    assert admin_client.post(f"{where}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    text(admin_client.get(f"{where}?q=1"))


@pytest.mark.parametrize(
    ("group", "makes", "commands", "answers"),
    [("auditors", False, False, False), ("operators", True, True, False), ("live approvers", False, False, True)],
)  # fmt: skip
def test_groups_see_all_and_each_does_its_part(
    client: Client, pending: Promotion, group: str, makes: bool, commands: bool, answers: bool
) -> None:
    sync_groups()
    person = UserFactory(is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    client.force_login(person)
    deployment = make_deployment()
    for where in (ALGORITHMS, PROMOTIONS, DEPLOYMENTS, DECISIONS):
        text(client.get(where))
    assert client.get(MAKE).status_code == (200 if makes else 403)
    assert client.get(f"{ALGORITHMS}{deployment.algorithm_id}/set-up/").status_code == (200 if makes else 403)
    act(client, DEPLOYMENTS, "pause", deployment.pk, confirmed="yes", reason="x")
    act(client, PROMOTIONS, "reject", pending.pk, confirmed="yes", reason="x")
    assert Deployment.objects.get().status == ("paused" if commands else "active")
    pending.refresh_from_db()
    assert pending.status == ("rejected" if answers else "pending")


def test_lists_take_as_many_queries_for_many_as_for_one(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        make_decision(make_deployment(make_on_paper(name=f"number {number}")))
    for where in (ALGORITHMS, PROMOTIONS, DEPLOYMENTS, DECISIONS):
        with django_assert_max_num_queries(10):
            text(admin_client.get(where))
