"""Read a stop's scope as it is spelled outside, and say who may stop it and what it covers."""

import re
from dataclasses import dataclass

from django.db.models import Q

from apps.accounts.models import User
from apps.ledgers.models import LatestPrice
from apps.trading.models import Account, Holding, Stop
from apps.trading.services.accounts import NoSuchAccount, account_of
from apps.trading.services.activation import NotPermitted
from ohmycoins.core.errors import DomainError, Invalid
from ohmycoins.core.symbols import is_symbol, symbol

PERMISSION = "trading.change_stop"
SPELLINGS = "global, user, account:{id}, algorithm:{id}, coin:{SYMBOL}"
ID = re.compile(r"[1-9][0-9]{0,17}\Z")

Scope = Stop.Scope


class NoSuchTarget(DomainError):
    """What was to be stopped does not exist."""

    code, status = "NOT_FOUND", 404


@dataclass(frozen=True, slots=True)
class Key:
    """What a stop is about: the columns that tell its row from every other."""

    scope: str
    target: str = ""
    user_id: int | None = None

    @property
    def name(self) -> str:
        """Give the scope as the API spells it."""
        return f"{self.scope}:{self.target}" if self.target else self.scope

    @property
    def account_id(self) -> int | None:
        return int(self.target) if self.scope == Scope.ACCOUNT and ID.match(self.target) else None


def key_of(stop: Stop) -> Key:
    return Key(stop.scope, stop.target, stop.user_id)


def may_stop_all(actor: User | None) -> bool:
    """Tell whether the actor stops and clears everything; None is who has a shell on the machine."""
    return actor is None or actor.has_perm(PERMISSION)


def read_key(text: str, actor: User | None) -> Key:
    """Read a scope for `actor`; who may stop all means everyone's coins and algorithms.

    They may also name another user, `user:{id}`. Raises Invalid, NotPermitted, NoSuchAccount or
    NoSuchTarget.
    """
    scope, colon, target = text.strip().partition(":")
    scope = scope.lower()
    if scope not in Scope.values or (scope == Scope.GLOBAL and colon):
        raise Invalid(f"scope={text!r} is not one of: {SPELLINGS}")
    if scope == Scope.GLOBAL:
        if not may_stop_all(actor):
            raise NotPermitted(f"Stopping everything needs the permission {PERMISSION}.")
        return Key(scope)
    if scope == Scope.USER and not colon and actor:
        return Key(scope, user_id=actor.pk)
    whose = None if actor is None or may_stop_all(actor) else actor.pk
    if scope == Scope.COIN:
        return Key(scope, _coin(text, target), whose)
    if not ID.match(target):
        raise Invalid(f"scope={text!r} names no id: {SPELLINGS}")
    if scope == Scope.USER:
        return Key(scope, user_id=_user_id(int(target), actor))
    if scope == Scope.ACCOUNT:
        return Key(scope, target, _account(int(target), actor).user_id)
    return Key(scope, target, whose)


def covered_by(key: Key, *, algorithm: str = "algorithm_id") -> Q:
    """Give the condition under which an order or a holding is the stop's; nothing if it is unreadable.

    `algorithm` is the look-up of a row's algorithm, for rows that do not name it themselves.
    """
    own = Q() if key.user_id is None else Q(account__user=key.user_id)
    if key.scope == Scope.GLOBAL and not key.target:
        return Q()
    if key.scope == Scope.USER and key.user_id is not None and not key.target:
        return own
    if key.scope == Scope.COIN and is_symbol(key.target):
        return own & Q(coin_type=key.target)
    if key.scope == Scope.ACCOUNT and ID.match(key.target):
        return Q(account=int(key.target))
    if key.scope == Scope.ALGORITHM and ID.match(key.target):
        return own & Q((algorithm, int(key.target)))
    return Q(pk__in=())


def _user_id(user_id: int, actor: User | None) -> int:
    if actor is not None and actor.pk == user_id:
        return user_id
    if not may_stop_all(actor):
        raise NotPermitted(f"Stopping someone else needs the permission {PERMISSION}.")
    if not User.objects.filter(pk=user_id).exists():
        raise NoSuchTarget(f"There is no user {user_id}.")
    return user_id


def _account(account_id: int, actor: User | None) -> Account:
    if actor is not None and not may_stop_all(actor):
        return account_of(actor, account_id)
    account = Account.objects.filter(pk=account_id).first()
    if account is None:
        raise NoSuchAccount(f"There is no account {account_id}.")
    return account


def _coin(text: str, target: str) -> str:
    coin = symbol(target)
    if coin is None:
        raise Invalid(f"scope={text!r} names no coin's symbol, such as coin:BTC")
    # A misspelt coin would be a stop that stops nothing.
    known = LatestPrice.objects.filter(coin_type=coin), Holding.objects.filter(coin_type=coin)
    if not any(rows.exists() for rows in known):
        raise NoSuchTarget(f"No ledger knows a coin {coin}.")
    return coin
