"""Keep sums of old fills, so that an account's cash and holdings can be checked without reading them all.

Fills are appended and never edited, so what those to an id came to stays; every pass over the fills adds them
up anew (`walking`), and replaces the sums of the pass before. Cash and holdings are compared with the sums and
the fills since, in one statement. That no fill of an id already passed appears later is known once whatever was
writing when a later id was seen has ended: an account's fills are written under its lock, which takes a
transaction's number before the fill takes its id.
"""

from datetime import datetime

from django.db import connection
from django.db.models import Max

from apps.monitoring.models import Summing, Tally
from apps.trading.invariant import Breach
from apps.trading.models import Fill
from apps.trading.services.conservation import FILLS, LATER_FILLS, conserved
from apps.trading.services.invariants import find_breaches_of

ROW = 1
MOST_UNSUMMED = 300_000
"""More fills than that are not added up in a round: the first pass over a large database comes first."""

SUMMED = """
    SELECT tally.account_id, tally.algorithm_id, tally.coin_type, tally.quantity, tally.cash_aud
    FROM monitoring_tally tally JOIN trading_account account ON account.id = tally.account_id
    WHERE tally.generation = {generation}
    UNION ALL {later}
"""
ADD = f"""
    INSERT INTO monitoring_tally AS known (generation, account_id, algorithm_id, coin_type, quantity, cash_aud)
    SELECT %(generation)s, account_id, algorithm_id, coin_type, sum(quantity), sum(cash_aud)
    FROM ({FILLS} WHERE id > %(after)s AND id <= %(to)s) AS fill GROUP BY account_id, algorithm_id, coin_type
    ON CONFLICT (generation, account_id, coin_type, algorithm_id) DO UPDATE SET
        quantity = known.quantity + EXCLUDED.quantity, cash_aud = known.cash_aud + EXCLUDED.cash_aud
"""  # noqa: S608 - constants only
SETTLING = """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_current_xact_id()::text::bigint,
           (SELECT coalesce(max(id), 0) FROM trading_fill)
"""


def settle() -> None:
    """Find out up to which id no fill is going to appear any more."""
    Summing.objects.get_or_create(pk=ROW)
    for _ in range(2):  # the second look settles at once what nobody was writing during the first
        with connection.cursor() as cursor:
            cursor.execute(SETTLING)
            oldest, own, newest = cursor.fetchone()
        row = Summing.objects.get(pk=ROW)
        pending = row.pending_transaction
        if pending is not None and pending <= oldest:
            row.settled_id, pending = max(row.settled_id, row.pending_id), None
        if (
            pending is None or pending > own
        ):  # a number that was not given yet: of another server, restored here
            row.pending_id, pending = newest, own
        row.pending_transaction = pending
        row.save(update_fields=["settled_id", "pending_id", "pending_transaction"])


def find_lost(now: datetime) -> list[Breach] | None:
    """Compare cash and holdings with what came and went; None if too much of it is not added up yet."""
    done = Summing.objects.get(pk=ROW)
    newest = Fill.objects.aggregate(id=Max("id"))["id"] or 0
    if newest - done.through_id > MOST_UNSUMMED:
        return None
    summed = SUMMED.format(generation=done.generation, later=LATER_FILLS.format(through=done.through_id))
    found = find_breaches_of(conserved(summed), None, now=now)
    # The sums are another pass's by now: those that were asked for may have been gone.
    return found if Summing.objects.get(pk=ROW).generation == done.generation else None


def begin() -> None:
    """Begin to add up anew; in the transaction of the pass's first slice."""
    row = _locked()
    Tally.objects.exclude(generation=row.generation).delete()
    row.until_id = row.settled_id
    row.save(update_fields=["until_id"])


def add(*, after: int, to: int) -> None:
    """Add up the fills of a slice, as far as no more of them can appear."""
    row = _locked()
    with connection.cursor() as cursor:
        cursor.execute(ADD, {"generation": row.generation + 1, "after": after, "to": min(to, row.until_id)})


def complete() -> None:
    """Let what was added up in this pass count from now on; in the transaction of its last slice."""
    row = _locked()
    row.generation, row.through_id = row.generation + 1, row.until_id
    row.save(update_fields=["generation", "through_id"])
    Tally.objects.exclude(generation=row.generation).delete()


def _locked() -> Summing:
    return Summing.objects.select_for_update().get(pk=ROW)
