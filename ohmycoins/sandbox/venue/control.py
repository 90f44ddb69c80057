"""Answer the venue's own paths, by which tests set it up and see its truth.

| Path | |
| --- | --- |
| `GET /sandbox/venue` | options, prices set by hand, keys of the accounts |
| `POST /sandbox/venue` | options by name, for the account `key` if one is given; `price`: {coin: {bid, ask} or null} |
| `POST /sandbox/venue/script` | `key`, `faults`: the next calls suffer these; `paths`: only those with these ends |
| `POST /sandbox/accounts` | `key`, `secret`, `read_only_key`, `read_only_secret`, `balances`, `options` |
| `GET /sandbox/accounts/{key}` | everything about an account |
| `POST /sandbox/accounts/{key}/deposit`, `/withdraw` | `amount` |
| `POST /sandbox/accounts/{key}/send`, `/receive` | `coin`, `amount` |
| `POST /sandbox/accounts/{key}/orders` | `side`, `coin`, `amount`, `rate`: an order by hand |
| `POST /sandbox/accounts/{key}/cancel` | `id`: a cancel by hand |
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ohmycoins.core.money import loads_exact, parse_decimal
from ohmycoins.core.symbols import symbol
from ohmycoins.sandbox.messages import Answer, Request, as_exact_json
from ohmycoins.sandbox.venue.account import Refusal
from ohmycoins.sandbox.venue.prices import MovableMarket
from ohmycoins.sandbox.venue.venue import TRANSFERS, NoAccount, Venue

VENUE = "/sandbox/venue"
ACCOUNTS = "/sandbox/accounts"
Content = Mapping[str, Any]


class Control:
    """The venue's controls over HTTP."""

    def __init__(self, venue: Venue, market: MovableMarket) -> None:
        self.venue = venue
        self.market = market

    def answer(self, request: Request) -> Answer | None:
        """Do what a path of ours asks; None for any other."""
        if not request.path.startswith((VENUE, ACCOUNTS)):
            return None
        try:
            content = self._ask(request.path) if request.method == "GET" else self._tell(request)
        except NoAccount as error:
            return as_exact_json({"message": str(error)}, status=404)
        except (Refusal, ValueError, KeyError, TypeError) as error:
            return as_exact_json({"message": _reason(error)}, status=400)
        return None if content is None else as_exact_json(content)

    def _ask(self, path: str) -> object:
        if path == VENUE:
            return {
                "options": self.venue.options(),
                "price": self.market.given,
                "accounts": self.venue.keys(),
            }
        key = path.removeprefix(f"{ACCOUNTS}/")
        return None if key == path else self.venue.truth(key)

    def _tell(self, request: Request) -> object:
        given = _read(request.body)
        if request.path == VENUE:
            return self._set(given)
        if request.path == f"{VENUE}/script":
            ends = given.get("paths", "")
            self.venue.script(
                given["key"], given["faults"], ends=ends if isinstance(ends, str) else tuple(ends)
            )
            return {}
        if request.path == ACCOUNTS:
            return self._open(given)
        key, _, what = request.path.removeprefix(f"{ACCOUNTS}/").partition("/")
        return self._act(key, what, given)

    def _set(self, given: Content) -> object:
        options = {name: value for name, value in given.items() if name not in ("key", "price")}
        self.venue.set_options(given.get("key"), **options)
        self.venue.set_prices(given.get("price") or {})
        return self._ask(VENUE)

    def _open(self, given: Content) -> object:
        names = ("key", "secret", "read_only_key", "read_only_secret")
        texts = {name: _text(given, name) for name in names}
        balances = {_coin(coin): parse_decimal(str(amount)) for coin, amount in given["balances"].items()}
        self.venue.open_account(**texts, balances=balances, options=given.get("options"))
        return self.venue.truth(texts["key"])

    def _act(self, key: str, what: str, given: Content) -> object:
        if what in TRANSFERS:
            return self.venue.transfer(key, what, _number(given, "amount"), _coin(given.get("coin", "AUD")))
        if what == "orders":
            if given["side"] not in ("buy", "sell"):
                raise ValueError("side is buy or sell")
            amount, rate = _number(given, "amount"), _number(given, "rate")
            return self.venue.place(
                key, side=given["side"], coin=_coin(given["coin"]), amount=amount, rate=rate
            )
        if what == "cancel":
            self.venue.cancel(key, _text(given, "id"))
            return {}
        return None


def _read(body: bytes) -> Content:
    given = loads_exact(body)
    if not isinstance(given, dict):
        raise ValueError("send an object")
    return given


def _text(given: Content, name: str) -> str:
    if not isinstance(given[name], str) or not given[name]:
        raise ValueError(f"{name} is a text")
    return str(given[name])


def _number(given: Content, name: str) -> Decimal:
    number = parse_decimal(str(given[name]))
    if number <= 0:
        raise ValueError(f"{name} is above 0")
    return number


def _coin(given: Any) -> str:
    found = symbol(str(given))
    if found is None:
        raise ValueError(f"{given!r} is not a coin")
    return found


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
