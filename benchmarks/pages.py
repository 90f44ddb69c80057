"""What requests cost beside a DRF view that does SELECT 1."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import RequestFactory
from django.urls import path
from knox.models import AuthToken
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import User
from benchmarks import data
from benchmarks.measure import Row, cpu_side_by_side
from ohmycoins import urls
from ohmycoins.core import clock

COINS, ALGORITHMS = 1000, 20


class SelectOneView(APIView):
    """The floor: authenticate, throttle, one trivial query, one small answer."""

    def get(self, request: Request) -> Response:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return Response({"one": cursor.fetchone()[0]})


urls.urlpatterns.append(path("api/v1/select-one", SelectOneView.as_view()))


def caller(user: User) -> Callable[..., Callable[[], int]]:
    """Give `call(path, body)`, which makes a request of `user` repeatable, through the WSGI handler."""
    _, token = AuthToken.objects.create(user)
    factory = RequestFactory(headers={"Authorization": f"Bearer {token}", "Host": "localhost"})
    application = WSGIHandler()

    def call(where: str, body: str | None = None) -> Callable[[], int]:
        def once() -> int:
            where_full = f"/api/v1/{where}"
            request = (
                factory.get(where_full)
                if body is None
                else factory.post(where_full, body, content_type="application/json")
            )
            statuses: list[int] = []

            def start(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
                statuses.append(int(status.split()[0]))
                return io.BytesIO().write

            for _ in application(request.environ, start):
                pass
            if statuses[0] >= 300:
                raise RuntimeError(f"{where} answered {statuses[0]}")
            return statuses[0]

        return once

    return call


def rows() -> list[Row]:
    """Measure the P&L pages and the accepting of an order."""
    user = User.objects.create_user("pages@example.com", None)
    data.load_prices(COINS)
    small, large, huge = (
        data.load_history(user, coins=COINS, matches=matches, algorithms=ALGORITHMS).pk
        for matches in (10_000, 100_000, 1_000_000)
    )
    call = caller(user)
    today = clock.now().date()
    year = f"start_date={today - timedelta(days=364)}&end_date={today}"
    order = '{"coin_type":"C1","side":"buy","order_type":"market","quantity":"0.00000100"}'
    floor, summary, summary_large, summary_huge, history, by_coin, by_algorithm, positions, accept = (
        cpu_side_by_side(
            [
                _unthrottled(call("select-one")),
                _unthrottled(call(f"floor/pnl/summary?account={small}")),
                _unthrottled(call(f"floor/pnl/summary?account={large}")),
                _unthrottled(call(f"floor/pnl/summary?account={huge}")),
                _unthrottled(call(f"floor/pnl/history?account={huge}&{year}")),
                _unthrottled(call(f"floor/pnl/by-coin?account={huge}")),
                _unthrottled(call(f"floor/pnl/by-algorithm?account={huge}")),
                _unthrottled(call(f"floor/positions?account={huge}")),
                _unthrottled(call("floor/orders", order)),
            ],
            rounds=9,
            batch=40,
        )
    )
    return [
        Row.at_most("P&L summary, 1,000 positions, 10k matches / SELECT 1 view", summary, floor, 6),
        Row.at_most("P&L summary, 100k matches / 10k matches", summary_large, summary, 1.5),
        Row.at_most("P&L summary, 1M matches / 10k matches", summary_huge, summary, 1.5),
        Row.at_most("history, 365 days / SELECT 1 view", history, floor, 4),
        Row.at_most("by-coin, 1,000 rows / SELECT 1 view", by_coin, floor, 12),
        Row.at_most("by-algorithm, 20 algorithms / SELECT 1 view", by_algorithm, floor, 3),
        Row.at_most("positions, 1,000 rows / SELECT 1 view", positions, floor, 12),
        Row.at_most("accepting an order (POST) / SELECT 1 view", accept, floor, 15),
    ]


def _unthrottled(work: Callable[[], int]) -> Callable[[], int]:
    """Forget the throttle's count now and then: the benchmark is one very busy user."""
    calls = 0

    def once() -> int:
        nonlocal calls
        calls += 1
        if calls % 50 == 0:
            cache.clear()
        return work()

    return once
