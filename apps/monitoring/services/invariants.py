"""Check the invariants of orders and of the book in each round; what is broken is an incident, and brakes its account."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction

from apps.monitoring.findings import HIGH, MEDIUM, Finding
from apps.monitoring.models import Incident, Type, Walk
from apps.monitoring.services import summing, trail, walking
from apps.monitoring.services.evidence import gather
from apps.monitoring.services.walking import INVARIANTS, WAYS, Budget
from apps.trading.invariant import COIN, DAY, EVENT, ORDER, Breach, Key
from apps.trading.models import Account
from apps.trading.services.audit import CHAIN
from apps.trading.services.conservation import conserved
from apps.trading.services.invariants import IN_TIME, UNREADABLE, find_breaches_of
from apps.trading.services.status import reduce_only, reduce_only_without_trail
from ohmycoins.core import locks

log = structlog.get_logger(__name__)

ACTOR = "monitoring"
WALK_AT_LEAST = timedelta(days=1)
MOST_OF_ONE = 100
"""Incidents that stand of one invariant and account: more of them say nothing more."""
MOST_AGAIN = 1_000
KIND = {invariant.name: invariant.of for invariant in INVARIANTS}
SLOW = frozenset(invariant.name for invariant in IN_TIME)
"""What a venue that does not answer breaks: no reason to hold an account back until a person comes."""
SUMMED = frozenset(invariant.name for invariant in conserved(""))
AT_ONCE = tuple(
    invariant for invariant in INVARIANTS if invariant.of is None and invariant.name not in SUMMED
)


def look(now: datetime) -> Sequence[Finding]:
    """Check what there is time for (`walking`); keep what is newly broken, and what no longer is; give what stands.

    First what was broken before, then what is checked as a whole, then what is new, then the walks. An incident
    that was not looked at stays as it was. Each account with an incident is let sell only, once an incident.
    """
    budget = Budget(settings.OMC_INVARIANTS_SECONDS)
    walking.prepare_walks()
    summing.settle()
    standing = list(Incident.objects.standing().order_by("seen_at", "id"))
    found, seen = _look_again(standing, now)
    whole, whole_seen = _look_at_all(standing, now)
    found += whole + walking.look_ahead(now, budget)
    walked, ended = walking.walk_on(now, budget)
    lost = summing.find_lost(now)  # last, since a pass that ended has added up anew
    if lost is not None:
        found += lost
        seen |= {row.pk for row in standing if row.name in SUMMED}
    seen |= whole_seen | {  # in a whole pass it was not met again
        row.pk
        for row in standing
        if row.subject == UNREADABLE
        and (begun_at := ended.get(KIND.get(row.name) or ""))
        and row.seen_at < begun_at
    }
    _keep(found + walked, seen, now)
    _brake(now)
    return [*_findings(), *_overdue(now)]


def _look_again(standing: Iterable[Incident], now: datetime) -> tuple[list[Breach], set[int]]:
    """Look at the rows of incidents, and say which incidents that settles."""
    keys: dict[str, set[Key]] = defaultdict(set)
    seen: set[int] = set()
    for row in standing:
        if len(seen) >= MOST_AGAIN:
            break
        if at := _key_of(row):
            keys[at[0]].add(at[1])
            seen.add(row.pk)
    return [breach for kind, rows in keys.items() for breach in walking.look_at(kind, rows, now)], seen


def _key_of(row: Incident) -> tuple[str, Key] | None:
    """Give the kind and the key of the row that an incident is about; None if it is about all of them."""
    subject, _, name = row.subject.partition(":")
    kind = EVENT if row.name == CHAIN and subject == EVENT else KIND.get(row.name)
    if kind is None or row.subject == UNREADABLE:
        return None
    if kind == ORDER:
        return kind, (row.order_id,)
    name = name.partition(":")[0]
    return kind, ((row.account_id, name) if kind in (COIN, DAY) else (int(name),))


def _look_at_all(standing: Iterable[Incident], now: datetime) -> tuple[list[Breach], set[int]]:
    """Check what is always checked as a whole, and say which incidents that settles."""
    found = find_breaches_of(AT_ONCE, None, now=now) + trail.look_at_heads(now)
    names = {invariant.name for invariant in AT_ONCE}
    seen = {
        row.pk
        for row in standing
        if row.name in names
        or (row.name == CHAIN and not row.subject.startswith(EVENT))
        or (row.name != CHAIN and row.name not in KIND)  # of an invariant that there is no more
    }
    return found, seen


@transaction.atomic
def _keep(found: Iterable[Breach], seen: set[int], now: datetime) -> None:
    """Store what is newly broken with its evidence, and that what was looked at and is whole is over.

    Of two looks at once the one that began later is right: what it saw to be over is not opened, nor braked for, again.
    """
    locks.advisory_lock("monitoring.invariants")
    standing = {_identity(row): row for row in Incident.objects.standing()}
    over = {_identity(row) for row in Incident.objects.over_after(now)}
    crowds = Counter((row.name, row.account_id) for row in standing.values() if not row.accepted_at)
    for breach in {breach.identity: breach for breach in found}.values():
        if known := standing.pop(breach.identity, None):
            if known.seen_at <= now:
                known.seen_at, known.what = now, breach.what
                known.save(update_fields=["seen_at", "what"])
        elif breach.identity not in over and crowds[breach.name, breach.account_id] < MOST_OF_ONE:
            crowds[breach.name, breach.account_id] += 1
            _open(breach, now)
    for row in standing.values():
        if row.pk in seen and row.seen_at <= now:
            row.resolved_at = now
            row.save(update_fields=["resolved_at"])
            log.info("invariant.holds", incident_id=row.pk, name=row.name, account_id=row.account_id)


def _identity(row: Incident) -> tuple[str, int | None, int | None, str]:
    """Give what tells a breach from others (`Breach.identity`)."""
    return row.name, row.account_id, row.order_id, row.subject


def _open(breach: Breach, now: datetime) -> None:
    incident = Incident.objects.create(
        name=breach.name, account_id=breach.account_id, order_id=breach.order_id, subject=breach.subject,
        what=breach.what, evidence=gather(breach), found_at=now, seen_at=now,
    )  # fmt: skip
    log.error(
        "invariant.broken", incident_id=incident.pk, name=breach.name, account_id=breach.account_id,
        order_id=breach.order_id, what=breach.what,
    )  # fmt: skip


def _brake(now: datetime) -> None:
    """Let the accounts of incidents sell only that were not yet; one that trades nothing is, once it does."""
    unbraked = Incident.objects.to_brake().exclude(name__in=SLOW)
    for account_id in sorted({row.account_id for row in unbraked if row.account_id is not None}):
        try:
            _brake_account(account_id, now)
        except DatabaseError:  # its lock was not free, say: the next round tries again
            log.exception("invariant.not_braked", account_id=account_id)


@transaction.atomic
def _brake_account(account_id: int, now: datetime) -> None:
    account = Account.objects.locked().filter(pk=account_id).first()
    if account is None or account.status == Account.Status.INACTIVE:
        return
    incidents = list(
        Incident.objects.to_brake()
        .select_for_update()
        .filter(account_id=account_id)
        .exclude(name__in=SLOW)
        .order_by("id")
    )
    if not incidents:
        return
    first = incidents[0]
    said = {
        "at": now, "actor": ACTOR, "reason": f"{first.name} was found broken: {first.what}"[:200],
        "inputs": {"incidents": [row.pk for row in incidents], "names": sorted({row.name for row in incidents})},
    }  # fmt: skip
    try:
        with transaction.atomic():
            reduce_only(account, **said)  # type: ignore[arg-type]
    except IntegrityError:  # its chain of events is what is broken
        account.refresh_from_db()
        reduce_only_without_trail(account, **said)  # type: ignore[arg-type]
    Incident.objects.filter(pk__in=[row.pk for row in incidents]).update(braked_at=now)


def _findings() -> list[Finding]:
    rows = list(Incident.objects.unaccepted().order_by("id"))
    users = dict(Account.objects.filter(pk__in={row.account_id for row in rows}).values_list("pk", "user_id"))
    return [
        Finding(
            type=Type.INVARIANT, key=f"incident:{row.pk}", severity=HIGH, message=_message(row), account_id=row.account_id,
            user_id=users.get(row.account_id) if row.account_id else None,
            evidence=row.evidence | {"incident": row.pk, "invariant": row.name, "order_id": row.order_id, "subject": row.subject},
        )
        for row in rows
    ]  # fmt: skip


def _message(row: Incident) -> str:
    where = [f"account {row.account_id}"] if row.account_id else []
    where += [f"order {row.order_id}"] if row.order_id else []
    braked = " The account was let sell only." if row.braked_at else ""
    return f"{row.name} is broken{' in ' if where else ''}{', '.join(where)}: {row.what}.{braked}"


def _overdue(now: datetime) -> list[Finding]:
    """Give the walks whose last pass ended more than a day ago: what they have not come to is not known."""
    late = [
        walk
        for walk in Walk.objects.filter(name__in=WAYS)
        if now - (walk.completed_at or walk.created_at) > WALK_AT_LEAST
    ]
    return [
        Finding(
            type=Type.INVARIANT, key=f"walk:{walk.name}", severity=MEDIUM,
            message=f"The invariants of every {walk.name} were not checked for more than a day, last completely "
            + (f"at {walk.completed_at:%Y-%m-%d %H:%M} UTC" if walk.completed_at else "never")
            + ". Raise OMC_INVARIANTS_SECONDS.",
            evidence={"looked": walk.looked, "looked_last": walk.looked_last},
        )
        for walk in late
    ]  # fmt: skip
