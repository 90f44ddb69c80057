"""What people do to algorithms at the same instant: each is done once."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Algorithm, Deployment, Event, Promotion
from apps.trading.services.algorithms import change_algorithm, digest_of
from apps.trading.services.deployments import pause
from apps.trading.services.promotions import decide_promotion, promote
from apps.trading.tests.algorithms import SLUG, backtest, make_deployment, make_draft, make_on_paper
from apps.trading.tests.factories import make_account
from apps.trading.tests.races import in_threads
from ohmycoins.core.errors import Conflict, DomainError

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 4


def outcome(work: Any) -> str:
    try:
        work()
    except DomainError as error:
        return error.code
    return "done"


def test_algorithm_is_deployed_once_in_an_account() -> None:
    algorithm = make_on_paper()
    account = make_account(algorithm.user)
    said = in_threads(AT_ONCE, lambda _: outcome(lambda: make_deployment(algorithm, account)))
    assert sorted(said) == ["DEPLOYMENT_EXISTS"] * (AT_ONCE - 1) + ["done"]
    assert Deployment.objects.count() == Event.objects.filter(type="deployment.made").count() == 1


def test_no_more_are_deployed_at_once_than_one_may_have(settings: Any) -> None:
    settings.OMC_MOST_DEPLOYMENTS = 1
    user = UserFactory()
    algorithms = [make_on_paper(user, f"number {number}") for number in range(AT_ONCE)]
    accounts = [make_account(user, cash=str(500 + number)) for number in range(AT_ONCE)]
    said = in_threads(
        AT_ONCE, lambda number: outcome(lambda: make_deployment(algorithms[number], accounts[number]))
    )
    assert sorted(said) == ["NOT_READY"] * (AT_ONCE - 1) + ["done"]


def test_parameters_never_change_under_what_is_being_deployed() -> None:
    for number in range(3):
        algorithm = make_on_paper(name=f"number {number}")
        account = make_account(algorithm.user)

        def change(algorithm: Algorithm = algorithm) -> None:
            change_algorithm(algorithm.pk, parameters={"amount_aud": "60"}, actor="tests")

        def run(algorithm: Algorithm = algorithm, account: Any = account) -> None:
            make_deployment(algorithm, account)

        said = in_threads(2, lambda turn, change=change, run=run: outcome(run if turn else change))
        assert said in (["done", "NOT_READY"], ["ALGORITHM_DEPLOYED", "done"])


def test_promotion_is_asked_for_and_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.trading.services.promotions._examine", lambda *_: ({}, []))
    algorithm = make_on_paper()

    def ask(_: int) -> str:
        return outcome(lambda: promote(algorithm.pk, target="live", notes="", user=algorithm.user))

    assert sorted(in_threads(AT_ONCE, ask)) == ["PROMOTION_PENDING"] * (AT_ONCE - 1) + ["done"]
    promotion = Promotion.objects.get(target="live")
    people = [UserFactory() for _ in range(AT_ONCE)]
    for person in people:
        person.user_permissions.add(Permission.objects.get(codename="approve_promotion"))

    def answer(turn: int) -> str:
        who = User.objects.get(pk=people[turn].pk)
        return outcome(lambda: decide_promotion(promotion.pk, approve=bool(turn % 2), reason="x", user=who))

    assert sorted(in_threads(AT_ONCE, answer)) == ["PROMOTION_STATE"] * (AT_ONCE - 1) + ["done"]
    answers = ("algorithm.promoted", "promotion.rejected")
    assert Event.objects.filter(type__in=answers, inputs__promotion_id=promotion.pk).count() == 1


def test_deployment_is_paused_once() -> None:
    deployment = make_deployment()

    def work(_: int) -> str:
        return outcome(lambda: pause(deployment.pk, actor="tests", reason="x"))

    assert sorted(in_threads(AT_ONCE, work)) == ["DEPLOYMENT_STATE"] * (AT_ONCE - 1) + ["done"]
    assert Event.objects.filter(type="deployment.paused").count() == 1


def test_backtests_that_end_at_once_mark_it_in_turn() -> None:
    algorithm = make_draft()
    in_threads(AT_ONCE, lambda _: backtest(Algorithm.objects.get(pk=algorithm.pk)).status)
    algorithm.refresh_from_db()
    assert algorithm.status == "backtested"
    newest = Event.objects.filter(type="algorithm.backtested").latest("id")
    assert newest.inputs["code_digest"] == digest_of(SLUG)
    with pytest.raises(Conflict):
        promote(make_on_paper().pk, target="paper", notes="", user=algorithm.user)
