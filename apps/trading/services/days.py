"""Begin every account's day at its own midnight."""

from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.trading.models import Account, DayStart
from apps.trading.services.standing import read_day
from apps.trading.services.status import end_bad_day
from ohmycoins.core import clock


def begin_days(*, limit: int = 500) -> int:
    """Store what accounts are worth whose local day began without anyone looking; return how many.

    Run every minute: what is late is measured late, and says so (`DayStart.at`).
    """
    now, begun = clock.now(), 0
    for zone in Account.objects.order_by("timezone").values_list("timezone", flat=True).distinct():
        today = DayStart.objects.filter(account=OuterRef("pk"), day=now.astimezone(ZoneInfo(zone)).date())
        waiting = (
            Account.objects.filter(~Exists(today), timezone=zone).order_by("id").values_list("pk", flat=True)
        )
        begun += sum(_begin_day(account_id) for account_id in list(waiting[: limit - begun]))
    return begun


@transaction.atomic
def _begin_day(account_id: int) -> bool:
    """Begin the account's day, unless somebody holds it: then in a minute."""
    account = Account.objects.locked(skip_locked=True).filter(pk=account_id).first()
    if account is None:
        return False
    now = clock.now()
    end_bad_day(account, now)
    read_day(account, now)
    return True
