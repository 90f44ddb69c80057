"""Take back what a deployment has under way, when it is paused or stopped."""

from django.db import transaction

from apps.trading.models import Account, Deployment, Order
from apps.trading.records import BUY
from apps.trading.services.cancel import cancel_order
from apps.trading.services.twaps import cancel_twaps


@transaction.atomic
def recall_orders(deployment: Deployment, *, actor: str, reason: str) -> int:
    """End its orders in slices, and cancel its purchases that are not filled yet; return how many of both.

    Sales that were placed go on. At a venue outside a purchase is cancelled when the venue shows it: what was
    filled meanwhile stays bought. Takes the account's lock first.
    """
    Account.objects.locked().get(pk=deployment.account_id)
    ended = cancel_twaps(deployment, actor=actor, reason=reason)
    own = Order.objects.to_cancel().filter(account=deployment.account_id, decision__deployment=deployment)
    purchases = list(own.filter(side=BUY).order_by("id").values_list("pk", flat=True))
    for order_id in purchases:
        cancel_order(order_id, actor=actor, reason=reason)
    return ended + len(purchases)
