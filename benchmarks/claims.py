"""What an order costs on its way, step by step, beside a bare INSERT and commit.

The targets are those of `orders`; these say where the time goes, and their limits are tripwires a third above what was
measured when they were set (the floor is so small that it sways by a quarter).
"""

import itertools
from decimal import Decimal
from functools import partial

from django.conf import settings
from django.db import connection, transaction

from apps.accounts.models import User
from apps.trading.models import Account, Credential, Order
from apps.trading.records import Ticket
from apps.trading.services.accounts import open_account
from apps.trading.services.execute import drain_account
from apps.trading.services.place import place_order
from apps.trading.services.submit import claim
from benchmarks import data
from benchmarks.measure import Row, cpu_side_by_side
from ohmycoins.core import clock, outbox
from ohmycoins.core.money import AUD_STEP

INSERT = """
    INSERT INTO trading_event (account_id, type, from_status, to_status, at, actor, reason, inputs, seq, digest)
    VALUES (%s, 'bench', '', '', now(), 'bench', '', '{}', 0, '')
"""
NUMBERS = itertools.count()
QUANTITY = Decimal("0.001")


def rows() -> list[Row]:
    """Measure accepting, claiming for a live venue, and claiming with its fill on paper."""
    data.load_prices(10)
    user = User.objects.create_user("claims@example.com", None)
    paper = open_account(user=user, name="bench", venue="paper")
    live = _live_account(user)
    nudge, outbox.nudge = outbox.nudge, lambda *args, **kwargs: None  # type: ignore[assignment]
    try:
        bare, accept, fill, submit = cpu_side_by_side(
            [partial(_bare, paper), partial(_accept, paper), partial(_fill, paper), partial(_claim, live)],
            rounds=9, batch=30,
        )  # fmt: skip
    finally:
        outbox.nudge = nudge
    floor = "/ bare INSERT + commit"
    return [
        Row.at_most(f"accept an order, service only {floor}", accept, bare, 90),
        Row.at_most(f"accept, claim, fill and book on paper {floor}", fill, bare, 270),
        Row.at_most(f"accept, claim and resolve a live order, no HTTP {floor}", submit, bare, 210),
    ]


def _bare(account: Account) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INSERT, [account.pk])


def _accept(account: Account) -> None:
    order = _place(account)
    Order.objects.filter(pk=order.pk).update(status="cancelled", reserved_aud=0, next_at=None)


def _fill(account: Account) -> None:
    _place(account)
    drain_account(account.pk)


def _claim(account: Account) -> None:
    _place(account)
    submission = claim(account.pk)
    if submission is None:
        raise RuntimeError("the order could not be claimed")
    Order.objects.filter(pk=submission.order_id).update(status="rejected", reserved_aud=0)


def _live_account(user: User) -> Account:
    """Give an account that may trade live; nothing is ever sent from here."""
    settings.TRADING_MODE = "live"
    now = clock.now()
    account = open_account(user=user, name="live", venue="coinspot")
    Account.objects.filter(pk=account.pk).update(
        status="active", activated_at=now, connected_at=now, cash_aud=100_000
    )
    Credential.objects.create(account=account, sealed="", key_digest="bench", validated_at=now)
    return account


def _place(account: Account) -> Order:
    # Each at a price of its own, so that no order has a twin; all of them cross.
    price = 101 + next(NUMBERS) * AUD_STEP
    ticket = Ticket(coin_type="C1", side="buy", order_type="limit", quantity=QUANTITY, price=price)
    order = place_order(user=account.user, account=account, ticket=ticket)
    if order.denials:
        raise RuntimeError(f"the order was denied: {order.error}")
    return order
