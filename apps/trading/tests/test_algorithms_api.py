"""`/floor/rules` and `/floor/algorithms`: set up, changed, put away."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Algorithm, Event, Promotion
from apps.trading.services.algorithms import digest_of
from apps.trading.services.deployments import pause, resume
from apps.trading.tests.algorithms import (
    SLUG,
    backtest,
    make_deployment,
    make_draft,
    make_live,
    make_on_paper,
)

pytestmark = pytest.mark.django_db
PATH = "/api/v1/floor/algorithms"
COMPLETE = {"coin_type": "BTC", "amount_aud": "50", "max_price_age_minutes": 5}
BODY = {"slug": SLUG, "name": "Save up", "parameters": {"coin_type": "ETH"}}


def post(api: APIClient, body: Any, path: str = PATH) -> Any:
    return api.post(path, body, format="json")


def patch(api: APIClient, algorithm: Algorithm, body: Any) -> Any:
    return api.patch(f"{PATH}/{algorithm.pk}", body, format="json")


def trail() -> list[tuple[str, str, str, str]]:
    events = Event.objects.filter(account=None).order_by("id")
    return [(event.type, event.from_status, event.to_status, event.actor) for event in events]


def test_rules_say_what_they_do_and_what_they_can_be_set_to(api: APIClient, settings: Any) -> None:
    answer = api.get("/api/v1/floor/rules").json()
    assert [row["slug"] for row in answer["results"]] == list(settings.ALGORITHMS)
    rule = next(row for row in answer["results"] if row["slug"] == SLUG)
    assert (rule["title"], rule["version"]) == ("Dollar-cost averaging", "1")
    assert rule["rationale"].startswith("Buys the same amount of one coin at every run")
    assert "Where it fails" in rule["rationale"]
    age = rule["parameter_schema"]["properties"]["max_price_age_minutes"]
    assert {name: age[name] for name in ("type", "default", "minimum", "maximum")} == {
        "type": "integer", "default": 5, "minimum": 1, "maximum": 1440,
    }  # fmt: skip


def test_algorithm_is_made_a_draft_with_complete_parameters(api: APIClient, user: User, clock: Any) -> None:
    answer = post(api, BODY)
    assert answer.status_code == 201
    row = answer.json()
    assert {name: row[name] for name in ("slug", "name", "version", "status", "parameters", "inputs")} == {
        "slug": SLUG, "name": "Save up", "version": 1, "status": "draft",
        "parameters": COMPLETE | {"coin_type": "ETH"},
        "inputs": [{"series": "price:ETH", "ledger": "exchange", "max_age_seconds": 300, "count": 1}],
    }  # fmt: skip
    assert row["created_at"] == "2026-03-02T12:00:00Z"
    assert row["rationale"].startswith("Buys")
    assert row["parameter_schema"]["properties"]["coin_type"]["default"] == "BTC"
    assert api.get(f"{PATH}/{row['id']}").json() == row
    assert trail() == [("algorithm.made", "", "draft", f"user:{user.pk}")]
    assert Event.objects.get().inputs["parameters"] == row["parameters"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"slug": "moon"}, "slug='moon' is not one of: "),
        ({"slug": None}, "slug"),
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"parameters": {"coin": "BTC"}}, "coin: is not one of its parameters"),
        ({"parameters": {"amount_aud": "0"}}, "amount_aud: Input should be greater than or equal to 1"),
        ({"parameters": {"amount_aud": "NaN"}}, "amount_aud: Input should be a finite number"),
        ({"parameters": {"coin_type": "btc"}}, "coin_type: expected a coin's symbol in upper case"),
        ({"parameters": {"max_price_age_minutes": "soon"}}, "max_price_age_minutes: Input should be a valid integer"),
        ({"parameters": [1]}, "parameters"),
        ({"status": "live"}, "status: is not a field of this; accepted: slug, name, parameters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_400_that_names_it_and_stores_nothing(
    api: APIClient, change: dict[str, Any], named: str
) -> None:
    answer = post(api, BODY | change)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID")
    assert named in answer.json()["message"]
    assert not Algorithm.objects.exists()
    assert not Event.objects.exists()


def test_unknown_rule_is_told_those_that_there_are(api: APIClient, settings: Any) -> None:
    detail = post(api, BODY | {"slug": "moon"}).json()["detail"]
    assert detail == {"slug": "moon", "accepted": sorted(settings.ALGORITHMS)}


def test_name_is_a_user_s_only_once(api: APIClient, user: User) -> None:
    make_draft(name="Save up")
    assert post(api, BODY).status_code == 201, "someone else's is no obstacle"
    answer = post(api, BODY)
    assert (answer.status_code, answer.json()["code"]) == (409, "ALGORITHM_EXISTS")
    other = make_draft(user, name="Other")
    assert patch(api, other, {"name": "Save up"}).status_code == 409
    assert Algorithm.objects.filter(user=user).count() == 2


def test_list_shows_one_s_own_by_status_and_rule(api: APIClient, user: User) -> None:
    mine, ready = make_draft(user), backtest(make_draft(user, "Ready"))
    make_draft()

    def listed(query: str = "") -> list[int]:
        return [row["id"] for row in api.get(f"{PATH}{query}").json()["results"]]

    assert listed() == [mine.pk, ready.pk]
    assert listed("?status=backtested") == [ready.pk]
    assert listed(f"?slug={SLUG}") == [mine.pk, ready.pk]
    assert api.get(f"{PATH}?status=moon").status_code == 400
    assert api.get(f"{PATH}?slug=moon").status_code == 400


def test_list_takes_as_many_queries_for_many_as_for_one(
    api: APIClient, user: User, django_assert_num_queries: Any
) -> None:
    for number in range(12):
        make_draft(user, name=f"number {number}")
    with django_assert_num_queries(1):
        assert len(api.get(PATH).json()["results"]) == 12


def test_algorithm_whose_rule_is_gone_is_still_shown(api: APIClient, user: User) -> None:
    algorithm = make_draft(user)
    Algorithm.objects.update(slug="gone")
    row = api.get(f"{PATH}/{algorithm.pk}").json()
    assert (row["title"], row["parameter_schema"], row["inputs"]) == ("", {}, [])
    assert patch(api, algorithm, {"parameters": {"amount_aud": "60"}}).status_code == 400


def test_other_parameters_make_it_a_draft_of_the_next_version(api: APIClient, user: User) -> None:
    algorithm = make_on_paper(user, amount_aud="60")
    answer = patch(api, algorithm, {"parameters": {"coin_type": "ETH"}})
    assert answer.status_code == 200
    row = answer.json()
    assert (row["version"], row["status"]) == (2, "draft")
    assert row["parameters"] == COMPLETE | {"coin_type": "ETH", "amount_aud": "60"}, "the others stay"
    assert trail()[-1] == ("algorithm.changed", "paper", "draft", f"user:{user.pk}")
    inputs = Event.objects.latest("id").inputs
    assert (inputs["version"], inputs["before"]["coin_type"], inputs["after"]["coin_type"]) == (
        2,
        "BTC",
        "ETH",
    )


def test_same_parameters_again_change_nothing(api: APIClient, user: User) -> None:
    algorithm = make_on_paper(user)
    before = trail()
    assert patch(api, algorithm, {"parameters": COMPLETE}).json()["status"] == "paper"
    assert patch(api, algorithm, {"parameters": {}, "name": algorithm.name}).json()["version"] == 1
    assert trail() == before


def test_new_name_leaves_version_and_status(api: APIClient, user: User) -> None:
    algorithm = make_on_paper(user)
    make_deployment(algorithm)
    row = patch(api, algorithm, {"name": "Better"}).json()
    assert (row["name"], row["version"], row["status"]) == ("Better", 1, "paper")
    assert trail()[-1][0] == "algorithm.renamed"


@pytest.mark.parametrize(
    "body", [{}, {"slug": SLUG}, {"status": "live"}, {"parameters": {"amount_aud": "-1"}}]
)
def test_change_that_is_wrong_changes_nothing(api: APIClient, user: User, body: dict[str, Any]) -> None:
    algorithm = make_on_paper(user)
    assert patch(api, algorithm, body).status_code == 400
    algorithm.refresh_from_db()
    assert (algorithm.version, algorithm.status, algorithm.parameters) == (1, "paper", COMPLETE)


@pytest.mark.parametrize("state", ["active", "paused"])
def test_nothing_changes_under_a_deployment(api: APIClient, user: User, state: str) -> None:
    algorithm = make_on_paper(user)
    deployment = make_deployment(algorithm)
    if state == "paused":
        pause(deployment.pk, actor="tests", reason="x")
    for answer in (
        patch(api, algorithm, {"parameters": {"amount_aud": "60"}, "name": "Both"}),
        post(api, {}, f"{PATH}/{algorithm.pk}/archive"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "ALGORITHM_DEPLOYED")
        assert answer.json()["detail"] == {"deployments": [deployment.pk]}
    algorithm.refresh_from_db()
    assert (algorithm.version, algorithm.status, algorithm.name) == (1, "paper", "Mine")


def test_change_takes_a_request_that_waits_back(api: APIClient, user: User) -> None:
    algorithm = make_on_paper(user)
    pending = Promotion.objects.create(
        algorithm=algorithm, version=1, code_digest=digest_of(SLUG), target="live", requested_by=user
    )
    patch(api, algorithm, {"parameters": {"amount_aud": "60"}})
    pending.refresh_from_db()
    assert (pending.status, pending.reason) == ("rejected", "withdrawn: its parameters changed")
    assert [event[0] for event in trail()][-2:] == ["promotion.withdrawn", "algorithm.changed"]


def test_archived_algorithm_is_put_away_for_good(api: APIClient, user: User) -> None:
    algorithm = make_live(user)
    answer = post(api, {}, f"{PATH}/{algorithm.pk}/archive")
    assert (answer.status_code, answer.json()["status"]) == (200, "archived")
    assert trail()[-1] == ("algorithm.archived", "live", "archived", f"user:{user.pk}")
    for again in (
        post(api, {}, f"{PATH}/{algorithm.pk}/archive"),
        patch(api, algorithm, {"name": "Back"}),
        post(api, {"target": "paper"}, f"{PATH}/{algorithm.pk}/promote"),
    ):
        assert (again.status_code, again.json()["code"]) == (409, "ALGORITHM_STATE")


def test_another_user_s_algorithm_is_a_404(api: APIClient) -> None:
    other = make_draft()
    answers = [
        api.get(f"{PATH}/{other.pk}"),
        patch(api, other, {"name": "mine"}),
        post(api, {}, f"{PATH}/{other.pk}/archive"),
        post(api, {"target": "paper"}, f"{PATH}/{other.pk}/promote"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    other.refresh_from_db()
    assert (other.name, other.status) == ("Mine", "draft")


def test_strangers_are_asked_to_sign_in() -> None:
    for path in (PATH, "/api/v1/floor/rules", "/api/v1/floor/deployments", "/api/v1/floor/signals"):
        assert APIClient().get(path).status_code == 401


def test_stored_parameters_that_the_rule_has_no_more_do_not_stand_in_the_way(
    client_for: Callable[[User], APIClient],
) -> None:
    user = UserFactory()
    algorithm = make_draft(user)
    Algorithm.objects.update(parameters=COMPLETE | {"forgotten": 1})
    assert client_for(user).get(f"{PATH}/{algorithm.pk}").json()["inputs"] == []
    row = patch(client_for(user), algorithm, {"parameters": {"amount_aud": "60"}}).json()
    assert row["parameters"] == COMPLETE | {"amount_aud": "60"}


def test_resumed_deployment_needs_what_it_needed_when_it_was_made(user: User) -> None:
    deployment = make_deployment(make_on_paper(user))
    pause(deployment.pk, actor="tests", reason="x")
    assert resume(deployment.pk, actor="tests", reason="x").status == "active"
