"""Promotion: draft → backtested → paper → live, each step on its grounds and the last one by two people."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Account, Algorithm, Decision, Deployment, Event, Limits, Order, Promotion
from apps.trading.services.accounts import open_account
from apps.trading.services.algorithms import archive_algorithm, change_algorithm, digest_of
from apps.trading.services.deployments import pause
from apps.trading.services.promotions import mark_backtested, read_paper_record
from apps.trading.tests.algorithms import (
    SLUG,
    backtest,
    make_decision,
    make_deployment,
    make_draft,
    make_live,
    make_on_paper,
    other_code,
)
from apps.trading.tests.factories import make_account, set_limits
from apps.trading.tests.many import make_many, rows_read
from ohmycoins.core import clock as system
from ohmycoins.groups import sync_groups

pytestmark = pytest.mark.django_db
PATH = "/api/v1/floor/promotions"
DAY = timedelta(days=1)


def ask(api: APIClient, algorithm: Algorithm, target: str = "live", **more: Any) -> Any:
    return api.post(
        f"/api/v1/floor/algorithms/{algorithm.pk}/promote", {"target": target} | more, format="json"
    )


def answer(api: APIClient, promotion: Promotion, what: str = "approve", **body: Any) -> Any:
    return api.post(f"{PATH}/{promotion.pk}/{what}", body, format="json")


def status_of(algorithm: Algorithm) -> str:
    return Algorithm.objects.get(pk=algorithm.pk).status


def permitted(user: User) -> User:
    user.user_permissions.add(Permission.objects.get(codename="approve_promotion"))
    return User.objects.get(pk=user.pk)


def order_of(decision: Decision, filled: str) -> Order:
    deployment = decision.deployment
    return Order.objects.create(
        account=deployment.account, user=deployment.user, algorithm_id=deployment.algorithm_id, coin_type="BTC",
        side="buy", order_type="market", quantity=Decimal(1), limit_price=Decimal(100), status="open",
        decision=decision, filled_quantity=Decimal(filled),
    )  # fmt: skip


# To backtested, and to paper ------------------------------------------------------------------------


def test_draft_becomes_backtested_with_its_grounds_in_the_trail(clock: Any) -> None:
    algorithm = backtest(make_draft())
    assert algorithm.status == "backtested"
    event = Event.objects.get(type="algorithm.backtested")
    assert (event.from_status, event.to_status, event.actor) == ("draft", "backtested", "tests")
    assert event.inputs == {
        "algorithm_id": algorithm.pk, "user_id": algorithm.user_id, "version": 1, "code_digest": digest_of(SLUG),
        "grounds": {"backtest": 7},
    }  # fmt: skip


def test_backtest_of_another_version_marks_nothing() -> None:
    algorithm = make_draft()
    change_algorithm(algorithm.pk, parameters={"amount_aud": "60"}, actor="tests")
    assert backtest(algorithm, version=1).status == "draft"
    assert not Event.objects.filter(type="algorithm.backtested").exists()


@pytest.mark.parametrize("make", [make_on_paper, make_live])
def test_backtest_of_what_is_further_on_marks_nothing(make: Callable[[], Algorithm]) -> None:
    algorithm = make()
    events = Event.objects.count()
    assert backtest(algorithm).status == algorithm.status
    assert Event.objects.count() == events


def test_backtest_of_an_archived_algorithm_marks_nothing() -> None:
    algorithm = make_draft()
    archive_algorithm(algorithm.pk, actor="tests")
    assert backtest(algorithm).status == "archived"


def test_paper_is_approved_at_once_and_recorded(api: APIClient, user: User, clock: Any) -> None:
    algorithm = backtest(make_draft(user))
    done = ask(api, algorithm, "paper", notes="looks well")
    assert done.status_code == 201
    assert done.json() == {
        "id": done.json()["id"], "algorithm_id": algorithm.pk, "version": 1, "code_digest": digest_of(SLUG),
        "target": "paper", "status": "approved", "grounds": {"backtest": {"backtest": 7}}, "notes": "looks well",
        "slug": SLUG, "parameters": algorithm.parameters, "owner": user.pk,
        "requested_by": user.pk, "requested_at": "2026-03-02T12:00:00Z", "decided_by": None,
        "decided_at": "2026-03-02T12:00:00Z", "reason": "",
    }  # fmt: skip
    assert status_of(algorithm) == "paper"
    event = Event.objects.get(type="algorithm.promoted")
    assert (event.from_status, event.to_status, event.actor, event.reason) == (
        "backtested", "paper", f"user:{user.pk}", "looks well",
    )  # fmt: skip


def refused(done: Any, *sentences: str) -> None:
    body = done.json()
    assert (done.status_code, body["code"]) == (422, "NOT_READY"), body
    assert len(body["detail"]["missing"]) == len(sentences), body
    for sentence, said in zip(sentences, body["detail"]["missing"], strict=True):
        assert sentence in said
        assert said in body["message"]


def test_paper_needs_a_backtest(api: APIClient, user: User) -> None:
    algorithm = make_draft(user)
    refused(ask(api, algorithm, "paper"), "It is draft, and paper needs a backtest of version 1")
    assert not Promotion.objects.exists()
    assert status_of(algorithm) == "draft"


def test_paper_needs_a_backtest_of_the_code_as_it_is(
    api: APIClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    algorithm = backtest(make_draft(user))
    with other_code(monkeypatch):
        refused(ask(api, algorithm, "paper"), "code has changed since its backtest")
        assert backtest(algorithm).status == "backtested"
        assert ask(api, algorithm, "paper").status_code == 201
    assert status_of(algorithm) == "paper"


def test_paper_needs_a_backtest_of_the_newest_version(api: APIClient, user: User) -> None:
    algorithm = backtest(make_draft(user))
    change_algorithm(algorithm.pk, parameters={"amount_aud": "60"}, actor="tests")
    refused(ask(api, algorithm, "paper"), "backtest of version 2")


@pytest.mark.parametrize("make", [make_on_paper, make_live])
def test_what_is_there_already_is_a_409(
    api: APIClient, user: User, make: Callable[[User], Algorithm]
) -> None:
    again = ask(api, make(user), "paper")
    assert (again.status_code, again.json()["code"]) == (409, "ALGORITHM_STATE")


@pytest.mark.parametrize(
    "body", [{"target": "moon"}, {"target": "backtested"}, {}, {"target": "paper", "force": True},
             {"target": "paper", "notes": "x" * 501}],
)  # fmt: skip
def test_malformed_request_is_a_400(api: APIClient, user: User, body: dict[str, Any]) -> None:
    algorithm = backtest(make_draft(user))
    path = f"/api/v1/floor/algorithms/{algorithm.pk}/promote"
    assert api.post(path, body, format="json").status_code == 400
    assert not Promotion.objects.exists()


# To live --------------------------------------------------------------------------------------------


@pytest.fixture
def proven(user: User, clock: Any) -> Algorithm:
    """Give an algorithm with exactly the record on paper that live needs: a week, 20 decisions, a fill."""
    algorithm = make_on_paper(user)
    set_limits(open_account(user=user, name="Live", venue="coinspot"))
    deployment = make_deployment(algorithm, frequency="interval:8:hours")
    for number in range(20):
        make_decision(deployment, system.now() + number * timedelta(hours=8))
    order_of(deployment.decisions.latest("id"), filled="0.5")
    clock.shift(7 * DAY)
    return algorithm


@pytest.fixture
def pending(api: APIClient, proven: Algorithm) -> Promotion:
    assert ask(api, proven, notes="please").status_code == 201
    return Promotion.objects.get(target="live")


@pytest.fixture
def approver() -> User:
    return permitted(UserFactory())


def test_live_waits_for_a_second_person_with_its_grounds(
    api: APIClient, user: User, proven: Algorithm
) -> None:
    row = ask(api, proven, notes="please").json()
    account = Account.objects.get(mode="live")
    assert (row["status"], row["decided_by"], row["decided_at"]) == ("pending", None, None)
    assert row["grounds"] == {
        "paper": {"since": "2026-03-02T12:00:00+00:00", "days": 7, "decisions": 20, "filled_orders": 1, "is_failing": False},
        "live_accounts_with_limits": [account.pk],
    }  # fmt: skip
    assert status_of(proven) == "paper"
    event = Event.objects.get(type="promotion.requested")
    assert (event.actor, event.reason, event.inputs["promotion_id"]) == (
        f"user:{user.pk}",
        "please",
        row["id"],
    )
    again = ask(api, proven)
    assert (again.status_code, again.json()["code"]) == (409, "PROMOTION_PENDING")


def forget(model: Any, trigger: str, *pks: int) -> None:
    with pgtrigger.ignore(f"trading.{model.__name__}:{trigger}"):
        model.objects.filter(pk__in=pks).delete()


def _too_short(algorithm: Algorithm, clock: Any) -> None:
    clock.shift(-timedelta(microseconds=1))


def _too_few(algorithm: Algorithm, clock: Any) -> None:
    newest = Decision.objects.filter(orders=None).latest("id").pk
    forget(Decision, "never_deleted", newest)


def _never_filled(algorithm: Algorithm, clock: Any) -> None:
    Order.objects.update(filled_quantity=0)


def _fails(algorithm: Algorithm, clock: Any) -> None:
    Deployment.objects.update(failures_in_row=1)


def _failed_and_was_started_anew(algorithm: Algorithm, clock: Any) -> None:
    make_decision(Deployment.objects.get(), status="failed", action="", decided_at=None)


def _no_limits(algorithm: Algorithm, clock: Any) -> None:
    live = Limits.objects.filter(account__mode="live").values_list("pk", flat=True)
    forget(Limits, "append_only", *live)


def _back_to_draft(algorithm: Algorithm, clock: Any) -> None:
    Algorithm.objects.update(status="draft")


def _in_one_go(algorithm: Algorithm, clock: Any) -> None:
    """Put what it decided on the last day, but for the first, on the day before: six days of seven."""
    with pgtrigger.ignore("trading.Decision:final_once_decided"):
        Decision.objects.filter(decided_at__day=8).update(decided_at=F("decided_at") - DAY)


CONDITIONS = [
    (_in_one_go, "on 6 days (UTC); 7 are needed"),
    (_too_short, "for 6.9 days; 7 are needed"),
    (_too_few, "19 decisions on paper, as it is now; 20 are needed"),
    (_never_filled, "None of its orders on paper was filled"),
    (_fails, "It fails on paper"),
    (_failed_and_was_started_anew, "It fails on paper"),
    (_no_limits, "No live account of its owner has limits"),
    (_back_to_draft, "It is draft, and live needs paper first"),
]


@pytest.mark.parametrize(("spoil", "said"), CONDITIONS)
def test_each_condition_holds_live_back_on_its_own(
    api: APIClient, proven: Algorithm, clock: Any, spoil: Callable[[Algorithm, Any], None], said: str
) -> None:
    spoil(proven, clock)
    refused(ask(api, proven), said)
    assert not Promotion.objects.filter(target="live").exists()


@pytest.mark.parametrize(("spoil", "said"), CONDITIONS)
def test_each_condition_is_looked_at_again_when_it_is_approved(
    client_for: Callable[[User], APIClient], approver: User, pending: Promotion, clock: Any,
    spoil: Callable[[Algorithm, Any], None], said: str,
) -> None:  # fmt: skip
    spoil(pending.algorithm, clock)
    before = status_of(pending.algorithm)
    refused(answer(client_for(approver), pending), said)
    pending.refresh_from_db()
    assert (pending.status, status_of(pending.algorithm)) == ("pending", before)


def test_everything_that_is_missing_is_named_at_once(api: APIClient, user: User) -> None:
    refused(
        ask(api, make_draft(user)), "It is draft", "for 0.0 days", "on 0 days", "0 decisions", "None of its orders",
        "No live account",
    )  # fmt: skip


def test_week_on_paper_is_a_setting(api: APIClient, proven: Algorithm, clock: Any, settings: Any) -> None:
    clock.shift(-DAY)
    settings.OMC_PAPER_DAYS = 6.5
    refused(ask(api, proven), "for 6.0 days; 6.5 are needed")
    settings.OMC_PAPER_DAYS = 6.0
    assert ask(api, proven).status_code == 201


def test_only_what_it_did_on_paper_as_it_is_now_counts(user: User, clock: Any) -> None:
    algorithm = make_on_paper(user)
    digest = digest_of(SLUG)
    own = make_deployment(algorithm)
    counted = make_decision(own)
    order_of(counted, filled="1")
    order_of(counted, filled="0")
    other = {"slot": system.now() + DAY}
    make_decision(own, **other, code_digest="e" * 64)
    make_decision(own, system.now() + 2 * DAY, parameters={"coin_type": "ETH"})
    make_decision(own, system.now() + 3 * DAY, status="skipped", action="")
    make_decision(own, system.now() + 4 * DAY, status="due", action="", decided_at=None)
    live = Deployment.objects.create(
        user=user, account=open_account(user=user, name="Live", venue="coinspot"), algorithm=algorithm,
        frequency="interval:1:days", parameters=algorithm.parameters, failures_in_row=3,
    )  # fmt: skip
    make_decision(live)
    make_decision(make_deployment())
    assert read_paper_record(algorithm, digest).as_json() == {
        "since": "2026-03-02T12:00:00+00:00", "days": 1, "decisions": 1, "filled_orders": 1, "is_failing": False,
    }  # fmt: skip


def test_record_is_read_by_index_however_long_it_is(user: User, clock: Any) -> None:
    """Two deployments of it, and others by other code, with other parameters, and of other people."""
    algorithm = make_on_paper(user)
    own = make_deployment(algorithm)
    make_many(own, 40_000, system.now() - 90 * DAY, "e" * 64)
    make_many(own, 60_000, system.now())
    other = make_deployment(algorithm, make_account(user, cash="500"))
    make_many(other, 40_000, system.now() + DAY)
    changed = make_deployment(algorithm, make_account(user, cash="501"), parameters={"coin_type": "ETH"})
    make_many(changed, 30_000, system.now() - DAY)
    make_many(make_deployment(), 30_000, system.now() + 2 * DAY)
    with CaptureQueriesContext(connection) as asked:
        record = read_paper_record(algorithm, digest_of(SLUG))
    assert record.as_json() == {
        "since": "2026-03-02T12:00:01+00:00", "days": 2, "decisions": 20, "filled_orders": 0, "is_failing": False,
    }  # fmt: skip
    read = [rows_read(each["sql"]) for each in asked.captured_queries]
    assert sum(read) < 5_000, read


def test_other_code_needs_a_record_of_its_own(
    api: APIClient, proven: Algorithm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with other_code(monkeypatch):
        refused(ask(api, proven), "for 0.0 days", "on 0 days", "0 decisions", "None of its orders")


# Four eyes ------------------------------------------------------------------------------------------


def test_second_person_lets_it_trade_live(
    client_for: Callable[[User], APIClient], approver: User, pending: Promotion
) -> None:
    done = answer(client_for(approver), pending, reason="I looked")
    assert done.status_code == 200
    row = done.json()
    assert (row["status"], row["decided_by"], row["reason"]) == ("approved", approver.pk, "I looked")
    assert row["decided_at"] == "2026-03-09T12:00:00Z"
    assert status_of(pending.algorithm) == "live"
    event = Event.objects.filter(type="algorithm.promoted").latest("id")
    assert (event.from_status, event.to_status, event.actor, event.reason) == (
        "paper", "live", f"user:{approver.pk}", "I looked",
    )  # fmt: skip
    assert event.inputs["requested_by"] == pending.requested_by_id
    for what in ("approve", "reject"):
        again = answer(client_for(approver), pending, what, reason="again")
        assert (again.status_code, again.json()["code"]) == (409, "PROMOTION_STATE")


def test_second_person_says_no_with_a_reason(
    client_for: Callable[[User], APIClient], approver: User, pending: Promotion, api: APIClient
) -> None:
    assert answer(client_for(approver), pending, "reject").status_code == 400
    row = answer(client_for(approver), pending, "reject", reason="too soon").json()
    assert (row["status"], row["decided_by"], row["reason"]) == ("rejected", approver.pk, "too soon")
    assert status_of(pending.algorithm) == "paper"
    event = Event.objects.get(type="promotion.rejected")
    assert (event.actor, event.reason) == (f"user:{approver.pk}", "too soon")
    assert ask(api, pending.algorithm).status_code == 201, "it may be asked for again"


@pytest.mark.parametrize("what", ["approve", "reject"])
def test_neither_owner_nor_who_asked_answers(
    client_for: Callable[[User], APIClient], user: User, approver: User, pending: Promotion, what: str
) -> None:
    Promotion.objects.filter(pk=pending.pk).update(requested_by=approver)
    superuser = UserFactory(is_superuser=True)
    Algorithm.objects.update(user=superuser)
    for person in (approver, superuser):
        done = answer(client_for(person), pending, what, reason="x")
        assert (done.status_code, done.json()["code"]) == (403, "PERMISSION_DENIED")
        assert "second person" in done.json()["message"]
    pending.refresh_from_db()
    assert pending.status == "pending"
    assert status_of(pending.algorithm) == "paper"


@pytest.mark.parametrize("what", ["approve", "reject"])
def test_owner_with_the_permission_may_not_answer(
    client_for: Callable[[User], APIClient], user: User, pending: Promotion, what: str
) -> None:
    assert answer(client_for(permitted(user)), pending, what, reason="x").status_code == 403
    pending.refresh_from_db()
    assert pending.status == "pending"


def test_without_the_permission_nobody_answers(
    api: APIClient, client_for: Callable[[User], APIClient], pending: Promotion
) -> None:
    own = answer(api, pending)
    assert (own.status_code, own.json()["code"]) == (403, "PERMISSION_DENIED")
    assert answer(client_for(UserFactory()), pending).status_code == 404, "nor see another's"
    assert answer(client_for(UserFactory(is_staff=True)), pending).status_code == 404
    pending.refresh_from_db()
    assert pending.status == "pending"


def test_group_of_live_approvers_has_the_right(
    client_for: Callable[[User], APIClient], pending: Promotion
) -> None:
    sync_groups()
    one, other = UserFactory(), UserFactory()
    one.groups.add(Group.objects.get(name="operators"))
    other.groups.add(Group.objects.get(name="live approvers"))
    assert answer(client_for(one), pending).status_code == 404
    assert answer(client_for(other), pending).status_code == 200


def test_database_refuses_who_asked_too(pending: Promotion) -> None:
    with pytest.raises(IntegrityError, match="promotion_by_two"), transaction.atomic():
        Promotion.objects.filter(pk=pending.pk).update(status="approved", decided_by=pending.requested_by)


def test_outdated_request_is_not_approved_and_gives_way_to_a_new_one(
    client_for: Callable[[User], APIClient], api: APIClient, approver: User, pending: Promotion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with other_code(monkeypatch):
        Decision.objects.none()
        done = answer(client_for(approver), pending)
        assert "code has changed since it was asked for" in done.json()["message"]
        with pgtrigger.ignore("trading.Decision:final_once_decided"):
            Decision.objects.update(code_digest="f" * 64)
        assert ask(api, pending.algorithm).status_code == 201
    pending.refresh_from_db()
    assert (pending.status, pending.reason) == ("rejected", "withdrawn: asked for anew, with other code")


def test_live_algorithm_of_other_code_is_promoted_anew(
    client_for: Callable[[User], APIClient], api: APIClient, approver: User, pending: Promotion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    answer(client_for(approver), pending)
    assert ask(api, pending.algorithm).json()["code"] == "ALGORITHM_STATE"
    with other_code(monkeypatch):
        refused(ask(api, pending.algorithm), "for 0.0 days", "on 0 days", "0 decisions", "None of its orders")
        with pgtrigger.ignore("trading.Decision:final_once_decided"):
            Decision.objects.update(code_digest="f" * 64)
        assert ask(api, pending.algorithm).status_code == 201
        again = Promotion.objects.latest("id")
        assert answer(client_for(approver), again).status_code == 200
    assert status_of(pending.algorithm) == "live"


def test_pausing_does_not_hide_that_it_fails(api: APIClient, proven: Algorithm) -> None:
    Deployment.objects.update(failures_in_row=5)
    pause(Deployment.objects.get().pk, actor="tests", reason="x")
    refused(ask(api, proven), "It fails on paper")


# The list -------------------------------------------------------------------------------------------


def test_list_is_one_s_own_and_everyone_s_to_approvers(
    api: APIClient, client_for: Callable[[User], APIClient], user: User, approver: User, pending: Promotion
) -> None:
    theirs = make_on_paper().promotions.get()
    mine = pending.algorithm.promotions.get(target="paper")

    def listed(client: APIClient, query: str = "") -> list[int]:
        return [row["id"] for row in client.get(f"{PATH}{query}").json()["results"]]

    assert listed(api) == [pending.pk, mine.pk]
    assert listed(client_for(approver)) == [theirs.pk, pending.pk, mine.pk]
    assert listed(api, "?status=pending") == [pending.pk]
    assert listed(api, "?target=paper") == [mine.pk]
    assert listed(client_for(approver), f"?algorithm={theirs.algorithm_id}") == [theirs.pk]
    assert listed(api, f"?algorithm={theirs.algorithm_id}") == []
    assert api.get(f"{PATH}?status=moon").status_code == 400


def test_list_takes_as_many_queries_for_many_as_for_one(
    client_for: Callable[[User], APIClient], user: User, django_assert_num_queries: Any
) -> None:
    for number in range(8):
        make_on_paper(user, name=f"number {number}")
    boss = UserFactory(is_superuser=True)
    with django_assert_num_queries(1):
        assert len(client_for(boss).get(PATH).json()["results"]) == 8


def test_account_of_another_owner_is_no_ground(api: APIClient, proven: Algorithm, clock: Any) -> None:
    _no_limits(proven, clock)
    set_limits(open_account(user=UserFactory(), name="Live", venue="coinspot"))
    set_limits(make_account(proven.user, cash="5"))
    refused(ask(api, proven), "No live account of its owner has limits")


def test_mark_with_nothing_there_is_an_error() -> None:
    with pytest.raises(Algorithm.DoesNotExist):
        mark_backtested(999_999, version=1, code_digest="", grounds={}, actor="tests")
