"""Make a single call go wrong, in the ways that an order has to survive."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from ohmycoins.sandbox.faults import spoil
from ohmycoins.sandbox.messages import HTML, Answer, Manner, Request
from ohmycoins.sandbox.venue.account import Refusal
from ohmycoins.sandbox.venue.book import Wanted
from ohmycoins.sandbox.venue.call import Call
from ohmycoins.sandbox.venue.calls import perform
from ohmycoins.sandbox.venue.exchange import Content, Exchange, Twist, refused

NO_ANSWER = Answer(manner=Manner.NOTHING)
DRIPPED_BYTES = 240  # at four a second a minute, longer than anyone waits


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request on its way to the venue, and what may delay it."""

    exchange: Exchange
    request: Request
    dice: random.Random
    put_off: Callable[[Callable[[datetime], object]], None]
    """Do something when the account's delay is over, as of that moment."""

    def carry_out(self, twist: Twist | None = None) -> Answer:
        return self.exchange.carry_out(self.request, self.request.now, twist or Twist())

    def spoiled(self, fault: str) -> Answer:
        """Give the page that a source at `fault` answers."""
        return spoil(NO_ANSWER, fault, self.request.now)


def suffer(fault: str | None, attempt: Attempt) -> Answer:
    """Carry an attempt out as `fault` lets it; None is no fault."""
    return _EFFECTS[fault](attempt)


def _accept_drop(attempt: Attempt) -> Answer:
    attempt.carry_out()
    return NO_ANSWER


def _accept_5xx(attempt: Attempt) -> Answer:
    attempt.carry_out()
    return _gateway_page(502, "Bad Gateway")


def _late_arrival(attempt: Attempt) -> Answer:
    attempt.put_off(lambda at: attempt.exchange.carry_out(attempt.request, at))
    return NO_ANSWER


def _late_commit(attempt: Attempt) -> Answer:
    exchange = attempt.exchange
    try:
        call = exchange.enter(attempt.request, attempt.request.now)
    except Refusal as refusal:
        return refused(refusal)

    def commit(at: datetime) -> None:
        with suppress(Refusal):  # nobody is there any more to hear it
            perform(replace(call, now=at), exchange.book)

    attempt.put_off(commit)
    return _gateway_page(504, "Gateway Timeout")


def _proxy_replay(attempt: Attempt) -> Answer:
    attempt.carry_out()
    return attempt.carry_out()


def _page(fault: str, *, after: bool) -> Callable[[Attempt], Answer]:
    def effect(attempt: Attempt) -> Answer:
        if after:
            attempt.carry_out()
        return attempt.spoiled(fault)

    return effect


def _cut_json(attempt: Attempt) -> Answer:
    answer = attempt.carry_out()
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _cut_body(attempt: Attempt) -> Answer:
    return replace(attempt.carry_out(), manner=Manner.CUT)


def _drip(attempt: Attempt) -> Answer:
    answer = attempt.carry_out()
    return replace(answer, body=answer.body.rjust(DRIPPED_BYTES), manner=Manner.DRIP)


def _partial_fill(attempt: Attempt) -> Answer:
    depth = Decimal(attempt.dice.randint(10, 90)) / 100
    return attempt.carry_out(Twist(before=lambda call: replace(call, depth=depth)))


def _manual_twin(attempt: Attempt) -> Answer:
    def place_twin(call: Call, content: Content) -> Content:
        twin = Wanted(side=call.side, coin=call.coin, amount=call.number("amount"), rate=call.number("rate"))
        with suppress(Refusal):  # the account cannot afford two
            attempt.exchange.book.place(call.account, twin, call.options, call.now)
        return content

    return attempt.carry_out(Twist(after=place_twin))


def _manual_twin_dropped(attempt: Attempt) -> Answer:
    _manual_twin(attempt)
    return NO_ANSWER


def _fill_during_cancel(attempt: Attempt) -> Answer:
    def fill_first(call: Call) -> Call:
        order = call.account.orders.get(str(call.inputs.get("id")))
        if order is not None and order.state == "open":
            visible_at = call.now + call.options.lag
            attempt.exchange.book.fill(call.account, order, order.remaining, order.rate, visible_at, call.now)
        return call

    return attempt.carry_out(Twist(before=fill_first))


def _out_of_order(attempt: Attempt) -> Answer:
    return attempt.carry_out(Twist(after=_on_lists(lambda rows: attempt.dice.sample(rows, len(rows)))))


def _duplicate_rows(attempt: Attempt) -> Answer:
    def doubled(rows: list[Content]) -> list[Content]:
        return [*rows, attempt.dice.choice(rows)] if rows else rows

    return attempt.carry_out(Twist(after=_on_lists(doubled)))


def _on_lists(change: Callable[[list[Content]], list[Content]]) -> Callable[[Call, Content], Content]:
    def changed(call: Call, content: Content) -> Content:
        return {name: change(value) if isinstance(value, list) else value for name, value in content.items()}

    return changed


def _gateway_page(status: int, heading: str) -> Answer:
    page = f"<html><head><title>{status} {heading}</title></head><body><h1>{status} {heading}</h1></body></html>\n"
    return Answer(status=status, content_type=HTML, body=page.encode())


_EFFECTS: dict[str | None, Callable[[Attempt], Answer]] = {
    None: Attempt.carry_out,
    "drop_before": lambda attempt: NO_ANSWER,
    "accept_drop": _accept_drop,
    "accept_5xx": _accept_5xx,
    "late_arrival": _late_arrival,
    "late_commit": _late_commit,
    "proxy_replay": _proxy_replay,
    "429_before": _page("429", after=False),
    "429_after": _page("429", after=True),
    "html_200_before": _page("html", after=False),
    "html_200_after": _page("html", after=True),
    "cut_json": _cut_json,
    "cut_body": _cut_body,
    "drip": _drip,
    "partial_fill": _partial_fill,
    "manual_twin_answered": _manual_twin,
    "manual_twin_dropped": _manual_twin_dropped,
    "fill_during_cancel": _fill_during_cancel,
    "out_of_order": _out_of_order,
    "duplicate_rows": _duplicate_rows,
}
