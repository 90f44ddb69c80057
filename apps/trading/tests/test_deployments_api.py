"""`/floor/deployments`: an algorithm in an account on a schedule; paused, resumed, stopped; how it does."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Algorithm, Credential, Deployment, Event, Promotion, Twap
from apps.trading.records import Ticket
from apps.trading.services import deployments
from apps.trading.services.accounts import default_account, open_account
from apps.trading.services.credentials import store_credentials
from apps.trading.services.deployments import health_of, pause, resume, stop
from apps.trading.services.twaps import run_due_twaps, start_twap
from apps.trading.tests.algorithms import (
    backtest,
    make_decision,
    make_deployment,
    make_draft,
    make_live,
    make_on_paper,
    other_code,
)
from apps.trading.tests.factories import make_account
from ohmycoins.core import clock as system

pytestmark = pytest.mark.django_db
PATH = "/api/v1/floor/deployments"
COMPLETE = {"coin_type": "BTC", "amount_aud": "50", "max_price_age_minutes": 5}
MINUTE = timedelta(minutes=1)


def deploy(api: APIClient, algorithm: Algorithm, path: str = PATH, **body: Any) -> Any:
    said = {"algorithm_id": algorithm.pk, "frequency": "interval:5:minutes"} | body
    return api.post(path, said, format="json")


def tell(api: APIClient, deployment: Deployment, what: str, **body: Any) -> Any:
    return api.post(f"{PATH}/{deployment.pk}/{what}", body, format="json")


def trail(account: Account) -> list[tuple[str, str, str, str, str]]:
    events = account.events.filter(type__startswith="deployment.").order_by("id")
    return [(event.type, event.from_status, event.to_status, event.actor, event.reason) for event in events]


# Made -----------------------------------------------------------------------------------------------


def test_deployment_is_made_with_its_first_slot_after_now(api: APIClient, user: User, clock: Any) -> None:
    algorithm, account = make_on_paper(user), default_account(user)
    answer = deploy(
        api, algorithm, account=account.pk, parameters={"coin_type": "ETH"}, position_limit_aud="2500.5",
        daily_loss_limit_aud=100, slices=3, slice_seconds=20,
    )  # fmt: skip
    assert answer.status_code == 201
    row = answer.json()
    assert row == {
        "id": row["id"], "algorithm_id": algorithm.pk, "account": account.pk, "frequency": "interval:5:minutes",
        "parameters": COMPLETE | {"coin_type": "ETH"}, "position_limit_aud": "2500.5",
        "daily_loss_limit_aud": "100", "slices": 3, "slice_seconds": 20, "status": "active", "status_reason": "",
        "health": "ok", "next_run_at": "2026-03-02T12:05:00Z", "last_run_at": None, "runs": 0, "failures": 0,
        "failures_in_row": 0, "last_error": None, "last_decision": None, "created_at": "2026-03-02T12:00:00Z",
    }  # fmt: skip
    assert api.get(f"{PATH}/{row['id']}").json() == row
    assert trail(account) == [("deployment.made", "", "active", f"user:{user.pk}", "asked for")]
    assert account.events.get().inputs == {
        "deployment_id": row["id"], "algorithm_id": algorithm.pk, "version": 1, "frequency": "interval:5:minutes",
        "parameters": COMPLETE | {"coin_type": "ETH"},
    }  # fmt: skip


def test_account_is_the_default_one_or_named_in_the_query(api: APIClient, user: User) -> None:
    algorithm, other = make_on_paper(user), make_account(user, cash="500")
    assert deploy(api, algorithm).json()["account"] == default_account(user).pk
    assert deploy(api, algorithm, f"{PATH}?account={other.pk}").json()["account"] == other.pk
    assert deploy(api, algorithm, f"{PATH}?account={other.pk}", account=1).status_code == 400


@pytest.mark.parametrize(
    ("frequency", "first"),
    [
        ("interval:90:seconds", "2026-03-02T12:01:30Z"),
        ("interval:1:days", "2026-03-03T12:00:00Z"),
        ("cron:0 */4 * * *", "2026-03-02T16:00:00Z"),
        ("cron:1 12 * * *", "2026-03-02T12:01:00Z"),
    ],
)
def test_first_slot_follows_from_the_frequency(
    api: APIClient, user: User, clock: Any, frequency: str, first: str
) -> None:
    assert deploy(api, make_on_paper(user), frequency=frequency).json()["next_run_at"] == first


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"frequency": "hourly"}, "expected interval:N:seconds|minutes|hours|days, or cron:"),
        ({"frequency": "cron:61 * * * *"}, "frequency 'cron:61 * * * *'"),
        ({"frequency": "interval:0:days"}, "between a second and 366 days"),
        ({"frequency": "interval:9:seconds"}, "runs are 10 seconds apart or more, such as interval:10:seconds"),
        ({"frequency": None}, "frequency"),
        ({"parameters": {"coin": "BTC"}}, "coin: is not one of its parameters"),
        ({"parameters": {"amount_aud": "0.5"}}, "amount_aud: Input should be greater than or equal to 1"),
        ({"position_limit_aud": "0"}, "position_limit_aud"),
        ({"position_limit_aud": "NaN"}, "position_limit_aud"),
        ({"daily_loss_limit_aud": "-1"}, "daily_loss_limit_aud"),
        ({"daily_loss_limit_aud": "0.000000001"}, "daily_loss_limit_aud"),
        ({"slices": 0}, "slices"),
        ({"slices": 101}, "slices"),
        ({"slice_seconds": 0}, "slice_seconds"),
        ({"algorithm_id": "x"}, "algorithm_id"),
        ({"status": "active"}, "status: is not a field of this"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_400_that_names_it_and_stores_nothing(
    api: APIClient, user: User, change: dict[str, Any], named: str
) -> None:
    answer = deploy(api, make_on_paper(user), **change)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID")
    assert named in answer.json()["message"]
    assert not Deployment.objects.exists()


def test_least_interval_is_a_setting(api: APIClient, user: User, settings: Any) -> None:
    settings.OMC_LEAST_INTERVAL_SECONDS = 0.5
    assert deploy(api, make_on_paper(user), frequency="interval:1:seconds").status_code == 201


def test_user_has_so_many_deployments_that_stand(api: APIClient, user: User, settings: Any) -> None:
    settings.OMC_MOST_DEPLOYMENTS = 2
    make_deployment()
    first, second = (make_deployment(make_on_paper(user, name)) for name in ("One", "Two"))
    pause(first.pk, actor="tests", reason="x")
    answer = deploy(api, make_on_paper(user, "Three"))
    assert (answer.status_code, answer.json()["code"]) == (422, "NOT_READY")
    assert "2 deployments that are active or paused, the most there may be" in answer.json()["message"]
    stop(second.pk, actor="tests", reason="x")
    assert deploy(api, make_on_paper(user, "Four")).status_code == 201


def test_algorithm_or_account_of_others_is_a_404(api: APIClient, user: User) -> None:
    assert deploy(api, make_on_paper()).status_code == 404
    assert deploy(api, make_on_paper(user), account=make_account().pk).status_code == 404
    assert deploy(api, make_on_paper(user, "Two"), algorithm_id=999_999).status_code == 404
    assert not Deployment.objects.exists()


@pytest.mark.parametrize("make", [make_draft, lambda user: backtest(make_draft(user))])
def test_paper_account_needs_an_algorithm_that_came_to_paper(
    api: APIClient, user: User, make: Callable[[User], Algorithm]
) -> None:
    answer = deploy(api, make(user))
    assert (answer.status_code, answer.json()["code"]) == (422, "NOT_READY")
    assert "promote it to paper first" in answer.json()["message"]
    assert not Deployment.objects.exists()


def test_live_algorithm_still_runs_on_paper(api: APIClient, user: User) -> None:
    assert deploy(api, make_live(user)).status_code == 201


def test_inactive_paper_account_takes_no_deployment(api: APIClient, user: User) -> None:
    algorithm = make_on_paper(user)
    default_account(user)
    Account.objects.update(status="inactive")
    assert "The account is inactive" in deploy(api, algorithm).json()["message"]


def test_account_has_an_algorithm_once_until_it_is_stopped(api: APIClient, user: User) -> None:
    algorithm = make_on_paper(user)
    first = Deployment.objects.get(pk=deploy(api, algorithm).json()["id"])
    again = deploy(api, algorithm)
    assert (again.status_code, again.json()["code"]) == (409, "DEPLOYMENT_EXISTS")
    assert again.json()["detail"] == {"deployment_id": first.pk}
    pause(first.pk, actor="tests", reason="x")
    assert deploy(api, algorithm).status_code == 409
    stop(first.pk, actor="tests", reason="x")
    assert deploy(api, algorithm).status_code == 201
    with pytest.raises(IntegrityError, match="deployment_once"), transaction.atomic():
        Deployment.objects.filter(pk=first.pk).update(status="active")


# Live -----------------------------------------------------------------------------------------------


@pytest.fixture
def live(user: User, settings: Any) -> Account:
    """Give a live account that trades."""
    settings.TRADING_MODE = "live"
    account = open_account(user=user, name="Live", venue="coinspot")
    store_credentials(
        account, api_key="a-key-of-some-length", api_secret="a-secret-of-some-length", actor="tests"
    )
    Credential.objects.update(validated_at=system.now())
    account.status, account.activated_at = "active", system.now()
    account.save()
    return account


def test_approved_algorithm_is_deployed_live(api: APIClient, user: User, live: Account) -> None:
    answer = deploy(api, make_live(user), account=live.pk, parameters={"coin_type": "BTC"})
    assert (answer.status_code, answer.json()["account"]) == (201, live.pk)


def refused(answer: Any, *sentences: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (422, "NOT_READY"), answer.json()
    missing = answer.json()["detail"]["missing"]
    assert len(missing) == len(sentences), missing
    for sentence, said in zip(sentences, missing, strict=True):
        assert sentence in said
    assert not Deployment.objects.filter(account__mode="live").exists()


def test_live_account_needs_an_approved_promotion(api: APIClient, user: User, live: Account) -> None:
    refused(deploy(api, make_on_paper(user), account=live.pk), "needs an approved promotion to live")


def test_promotion_of_another_version_does_not_do(api: APIClient, user: User, live: Account) -> None:
    refused(deploy(api, make_live(user, version=2), account=live.pk), "another version, or of other code")


@pytest.mark.parametrize("status", ["pending", "rejected"])
def test_promotion_that_was_not_approved_does_not_do(
    api: APIClient, user: User, live: Account, status: str
) -> None:
    algorithm = make_live(user, status=status)
    refused(deploy(api, algorithm, account=live.pk), "another version, or of other code")
    assert Promotion.objects.filter(target="live", status=status).exists()


def test_promotion_of_other_code_does_not_do(
    api: APIClient, user: User, live: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    algorithm = make_live(user)
    with other_code(monkeypatch):
        refused(deploy(api, algorithm, account=live.pk), "another version, or of other code")


def test_live_takes_no_parameters_of_its_own(api: APIClient, user: User, live: Account) -> None:
    answer = deploy(api, make_live(user), account=live.pk, parameters={"coin_type": "ETH"})
    refused(answer, "has the parameters that were approved")


@pytest.mark.parametrize(
    ("change", "said"),
    [({"status": "inactive"}, "The account is inactive"), ({"status": "reduce_only"}, "The account is reduce_only"),
     ({"activated_at": None}, "was not activated")],
)  # fmt: skip
def test_live_account_must_be_active(
    api: APIClient, user: User, live: Account, change: dict[str, Any], said: str
) -> None:
    Account.objects.filter(pk=live.pk).update(**change)
    refused(deploy(api, make_live(user), account=live.pk), said)


def test_live_trading_must_be_on(api: APIClient, user: User, live: Account, settings: Any) -> None:
    settings.TRADING_MODE = "paper"
    refused(deploy(api, make_live(user), account=live.pk), "TRADING_MODE is not live")


def test_resuming_looks_at_what_it_needs_once_more(
    api: APIClient, user: User, live: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = make_deployment(make_live(user), live)
    pause(deployment.pk, actor="tests", reason="x")
    with other_code(monkeypatch):
        answer = tell(api, deployment, "resume")
    assert (answer.status_code, answer.json()["code"]) == (422, "NOT_READY")
    deployment.refresh_from_db()
    assert (deployment.status, deployment.next_run_at) == ("paused", None)


# Paused, resumed, stopped ---------------------------------------------------------------------------


def test_deployment_is_paused_resumed_and_stopped(api: APIClient, user: User, clock: Any) -> None:
    deployment = make_deployment(make_on_paper(user))
    Deployment.objects.update(failures_in_row=3, failures=3)
    row = tell(api, deployment, "pause", reason="a look at it").json()
    assert (row["status"], row["status_reason"], row["next_run_at"], row["health"]) == (
        "paused", "a look at it", None, "paused",
    )  # fmt: skip
    clock.shift(12 * MINUTE)
    row = tell(api, deployment, "resume").json()
    assert (row["status"], row["status_reason"], row["health"]) == ("active", "", "ok")
    assert row["next_run_at"] == "2026-03-02T12:15:00Z", "in step with its beginning"
    assert (row["failures_in_row"], row["failures"]) == (0, 3)
    row = tell(api, deployment, "stop", reason="enough").json()
    assert (row["status"], row["next_run_at"], row["health"]) == ("stopped", None, "stopped")
    who = f"user:{user.pk}"
    assert trail(deployment.account) == [
        ("deployment.made", "", "active", who, "asked for"),
        ("deployment.paused", "active", "paused", who, "a look at it"),
        ("deployment.resumed", "paused", "active", who, "asked for"),
        ("deployment.stopped", "active", "stopped", who, "enough"),
    ]


@pytest.mark.parametrize(
    ("status", "refused_commands"),
    [("active", ["resume"]), ("paused", ["pause"]), ("stopped", ["pause", "resume", "stop"])],
)
def test_command_that_does_not_apply_is_a_409(
    api: APIClient, user: User, status: str, refused_commands: list[str]
) -> None:
    deployment = make_deployment(make_on_paper(user))
    Deployment.objects.update(status=status)
    for command in refused_commands:
        answer = tell(api, deployment, command)
        assert (answer.status_code, answer.json()["code"]) == (409, "DEPLOYMENT_STATE")
        assert f"is {status}, not" in answer.json()["message"]
    assert len(trail(deployment.account)) == 1


def test_paused_deployment_may_be_stopped(api: APIClient, user: User) -> None:
    deployment = make_deployment(make_on_paper(user))
    pause(deployment.pk, actor="tests", reason="x")
    assert tell(api, deployment, "stop").json()["status"] == "stopped"


@pytest.mark.parametrize("body", [{"reason": ""}, {"reason": "x" * 301}, {"why": "x"}])
def test_command_with_a_wrong_body_is_a_400_and_changes_nothing(
    api: APIClient, user: User, body: dict[str, str]
) -> None:
    deployment = make_deployment(make_on_paper(user))
    for command in ("pause", "resume", "stop"):
        assert tell(api, deployment, command, **body).status_code == 400
    deployment.refresh_from_db()
    assert deployment.status == "active"


def test_command_needs_no_body(api: APIClient, user: User) -> None:
    deployment = make_deployment(make_on_paper(user))
    assert api.post(f"{PATH}/{deployment.pk}/pause").json()["status"] == "paused"


def start_slices(deployment: Deployment) -> Twap:
    make_price()
    return start_twap(
        user=deployment.user, account=deployment.account, decision=make_decision(deployment),
        ticket=Ticket("BTC", "buy", "market", amount_aud=Decimal(400)), slices=4, slice_seconds=60,
    )  # fmt: skip


def test_what_a_pause_ended_stays_ended_when_it_is_resumed_before_the_next_slice(
    user: User, clock: Any
) -> None:
    deployment = make_deployment(make_on_paper(user))
    twap = start_slices(deployment)
    pause(deployment.pk, actor=f"user:{user.pk}", reason="a look at it")
    resume(deployment.pk, actor=f"user:{user.pk}", reason="fine")
    clock.shift(MINUTE)
    make_price()
    assert run_due_twaps(system.now()) == 0
    twap.refresh_from_db()
    assert (twap.status, twap.placed, twap.reason) == ("cancelled", 1, "its deployment was paused")
    assert Event.objects.get(type="twap.moved").actor == f"user:{user.pk}"


def test_stopping_cancels_what_is_left_of_its_slices_and_keeps_its_coins(user: User, clock: Any) -> None:
    deployment = make_deployment(make_on_paper(user))
    twap = start_slices(deployment)
    stop(deployment.pk, actor=f"user:{user.pk}", reason="enough")
    twap.refresh_from_db()
    assert (twap.status, twap.placed) == (Twap.Status.CANCELLED, 1)
    event = Event.objects.filter(type="twap.moved").latest("id")
    assert (event.actor, event.reason) == (f"user:{user.pk}", "its deployment was stopped")


def test_another_user_s_deployment_is_a_404(api: APIClient) -> None:
    other = make_deployment()
    assert api.get(f"{PATH}/{other.pk}").status_code == 404
    for command in ("pause", "resume", "stop"):
        assert tell(api, other, command).status_code == 404
    other.refresh_from_db()
    assert other.status == "active"


# Seen -----------------------------------------------------------------------------------------------


def test_list_is_one_s_own_by_account_algorithm_and_status(api: APIClient, user: User) -> None:
    algorithm, other = make_on_paper(user), make_account(user, cash="500")
    one, two = make_deployment(algorithm), make_deployment(algorithm, other)
    theirs = make_deployment()
    pause(two.pk, actor="tests", reason="x")

    def listed(query: str = "") -> list[int]:
        return [row["id"] for row in api.get(f"{PATH}{query}").json()["results"]]

    assert listed() == [one.pk, two.pk]
    assert listed(f"?account={other.pk}") == [two.pk]
    assert listed("?status=active") == [one.pk]
    assert listed(f"?algorithm={algorithm.pk}") == [one.pk, two.pk]
    assert api.get(f"{PATH}?algorithm={theirs.algorithm_id}").status_code == 404
    assert api.get(f"{PATH}?account={theirs.account_id}").status_code == 404
    assert api.get(f"{PATH}?status=moon").status_code == 400


def test_list_takes_one_query_however_many_there_are(
    api: APIClient, user: User, clock: Any, django_assert_num_queries: Any
) -> None:
    for number in range(6):
        deployment = make_deployment(make_on_paper(user, name=f"number {number}"))
        for later in range(3):
            make_decision(deployment, system.now() + later * MINUTE)
    with django_assert_num_queries(1):
        assert len(api.get(PATH).json()["results"]) == 6


def test_row_says_what_its_newest_run_came_to(api: APIClient, user: User, clock: Any) -> None:
    deployment = make_deployment(make_on_paper(user))
    make_decision(deployment)
    denials = [{"code": "STALE_INPUT", "message": "old", "limit": "300", "value": "400"}]
    newest = make_decision(deployment, system.now() + MINUTE, denials=denials)
    make_decision(deployment, system.now() + 2 * MINUTE, status="due", action="", decided_at=None)
    assert api.get(f"{PATH}/{deployment.pk}").json()["last_decision"] == {
        "id": newest.pk, "slot": "2026-03-02T12:01:00Z", "status": "done", "action": "buy", "coin_type": "BTC",
        "reason": "why not", "denials": denials, "error": "", "decided_at": "2026-03-02T12:01:00Z",
    }  # fmt: skip


def test_slot_that_nobody_decides_makes_it_late(api: APIClient, user: User, clock: Any) -> None:
    deployment = make_deployment(make_on_paper(user), frequency="interval:1:hours")
    make_decision(deployment, status="due", action="", decided_at=None)
    clock.shift(MINUTE)
    assert api.get(f"{PATH}/{deployment.pk}").json()["health"] == "ok"
    clock.shift(1)
    assert api.get(f"{PATH}/{deployment.pk}").json()["health"] == "late"


NOW = timedelta(0)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("status", "failures", "due", "waiting", "health"),
    [
        ("active", 0, MINUTE, None, "ok"),
        ("active", 0, -NOW, None, "ok"),
        ("active", 0, -MINUTE, None, "ok"),
        ("active", 0, -MINUTE - TICK, None, "late"),
        ("active", 0, MINUTE, -MINUTE, "ok"),
        ("active", 0, MINUTE, -MINUTE - TICK, "late"),
        ("active", 1, MINUTE, None, "failing"),
        ("active", 1, -MINUTE, None, "failing"),
        ("active", 1, -MINUTE - TICK, None, "late"),
        ("active", 0, None, None, "ok"),
        ("paused", 5, None, -MINUTE - TICK, "paused"),
        ("stopped", 5, None, None, "stopped"),
    ],
)  # fmt: skip
def test_health(
    status: str, failures: int, due: timedelta | None, waiting: timedelta | None, health: str
) -> None:
    now = system.now()
    deployment: Any = Deployment(
        status=status, failures_in_row=failures, next_run_at=None if due is None else now + due
    )
    deployment.waiting_since = None if waiting is None else now + waiting
    assert health_of(deployment, now) == health


def test_services_refuse_what_is_others_whoever_calls() -> None:
    algorithm, stranger = make_on_paper(), UserFactory()
    for account in (make_account(stranger), make_account(algorithm.user)):
        with pytest.raises(Exception, match="You have no"):
            deployments.deploy(
                user=stranger, algorithm=algorithm, account=account, frequency="interval:1:days"
            )
    assert not Deployment.objects.exists()
    with pytest.raises(Deployment.DoesNotExist):
        resume(999_999, actor="tests", reason="x")
