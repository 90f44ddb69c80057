"""Let signed requests in, and carry them out: accounts, the door and the book.

Nothing here locks; the venue does.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ohmycoins.core.money import loads_exact
from ohmycoins.sandbox.messages import Answer, Request, as_exact_json
from ohmycoins.sandbox.venue.account import Account, Refusal
from ohmycoins.sandbox.venue.book import Book
from ohmycoins.sandbox.venue.call import Call
from ohmycoins.sandbox.venue.calls import READ_ONLY, perform
from ohmycoins.sandbox.venue.options import Options
from ohmycoins.sandbox.venue.prices import MovableMarket

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Twist:
    """What a fault changes about a call that is carried out: what it is, and what it answers."""

    before: Callable[[Call], Call] = lambda call: call
    after: Callable[[Call, Content], Content] = lambda call, content: content


STRAIGHT = Twist()


class Exchange:
    """The venue on good days."""

    def __init__(self, market: MovableMarket) -> None:
        self.market = market
        self.book = Book(market)
        self.options = Options(fault_seed=market.seed)
        self.accounts: dict[str, Account] = {}

    def find(self, key: str) -> Account | None:
        """Give the account of a key, be it the trading or the read-only one."""
        found = self.accounts.get(key)
        if found is None:
            found = next((each for each in self.accounts.values() if each.keys.read_only_key == key), None)
        return found

    def options_of(self, account: Account) -> Options:
        return replace(self.options, **account.options)

    def settle(self, now: datetime) -> None:
        """Fill a slice of every open order that the market has reached."""
        for account in self.accounts.values():
            for order in account.open_orders():
                self.book.match(account, order, self.options_of(account), now)

    def enter(self, request: Request, now: datetime) -> Call:
        """Check key, signature and nonce, and take the nonce. Raises Refusal."""
        key = request.headers.get("key", "")
        account = self.find(key)
        if account is None:
            raise Refusal("invalid key", 401)
        if key == account.keys.read_only_key and not request.path.startswith(READ_ONLY):
            raise Refusal("read only key", 403)
        expected = hmac.new(account.keys.secret_of(key).encode(), request.body, hashlib.sha512).hexdigest()
        if not hmac.compare_digest(request.headers.get("sign", "").encode(), expected.encode()):
            raise Refusal("invalid sign", 401)
        inputs = _read(request.body)
        nonce = inputs.get("nonce")
        if not isinstance(nonce, int) or isinstance(nonce, bool):
            raise Refusal("no nonce")
        account.accept(key, nonce)
        return Call(
            account=account, options=self.options_of(account), path=request.path, nonce=nonce, inputs=inputs, now=now
        )  # fmt: skip

    def carry_out(self, request: Request, now: datetime, twist: Twist = STRAIGHT) -> Answer:
        """Answer a request as the venue would, refusals included."""
        try:
            call = twist.before(self.enter(request, now))
            return as_exact_json(twist.after(call, perform(call, self.book)))
        except Refusal as refusal:
            return refused(refusal)


def refused(refusal: Refusal) -> Answer:
    """Write a refusal as the venue does."""
    return as_exact_json({"status": "error", "message": str(refusal)}, status=refusal.status)


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        inputs = loads_exact(body)
    except (ValueError, ArithmeticError, RecursionError):
        raise Refusal("invalid request") from None
    if not isinstance(inputs, dict):
        raise Refusal("invalid request")
    return inputs
