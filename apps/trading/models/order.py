"""Orders, and every move they made."""

from decimal import Decimal
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Trim, Upper

from apps.trading.models.account import Account
from apps.trading.querysets import OrderQuerySet
from apps.trading.states import IN_FLIGHT, RESTING, TRANSITIONS, UNRESOLVED, Status, values
from ohmycoins.core import clock
from ohmycoins.core.fields import AudField, PriceField, QuantityField, not_negative
from ohmycoins.core.money import ZERO

STATUS_CHOICES = [(status, status) for status in values(Status)]
_IN_FLIGHT = ", ".join(f"'{status}'" for status in values(IN_FLIGHT))
# Reserving more than there is fails whoever asks. What the venue reports is a fact and passes: fills only
# lower reservations, and orders made elsewhere are not ours to refuse.
GUARD = f"""
    PERFORM 1 FROM trading_account WHERE id = NEW.account_id FOR NO KEY UPDATE;
    IF NEW.reserved_aud > 0 AND
        (SELECT sum(reserved_aud) FROM trading_order
         WHERE account_id = NEW.account_id AND status IN ({_IN_FLIGHT}))
        > (SELECT cash_aud FROM trading_account WHERE id = NEW.account_id) THEN
        RAISE EXCEPTION 'orders of account % would reserve more cash than it has', NEW.account_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.reserved_quantity > 0 AND
        (SELECT sum(reserved_quantity) FROM trading_order
         WHERE account_id = NEW.account_id AND status IN ({_IN_FLIGHT}) AND coin_type = NEW.coin_type)
        > (SELECT coalesce(sum(quantity), 0) FROM trading_holding
           WHERE account_id = NEW.account_id AND coin_type = NEW.coin_type) THEN
        RAISE EXCEPTION 'orders of account % would reserve more % than it holds', NEW.account_id, NEW.coin_type
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
"""  # noqa: S608 - constants only


class Ledger(models.TextChoices):
    """What an order can rest on; none is a person's own judgement."""

    EXCHANGE = "exchange"
    GLASS = "glass"
    HUMAN = "human"
    CATALYST = "catalyst"


LEDGERS = values(Ledger)


class Order(models.Model):
    """An instruction to buy or sell; it is its own queue entry while pending."""

    class Side(models.TextChoices):
        BUY = "buy"
        SELL = "sell"

    class Type(models.TextChoices):
        MARKET = "market"
        LIMIT = "limit"

    class Origin(models.TextChoices):
        OURS = "ours"
        EXTERNAL = "external", "made elsewhere"

    account = models.ForeignKey(Account, models.PROTECT, related_name="orders", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders", db_index=False)
    algorithm_id = models.BigIntegerField(
        null=True, blank=True, help_text="Whose book it belongs to; null = manual."
    )
    ledger = models.CharField(
        max_length=8,
        blank=True,
        default="",
        db_default="",
        choices=Ledger,
        help_text="What its signal rested on most; empty = nothing.",
    )
    decision = models.ForeignKey(
        "trading.Decision", models.PROTECT, null=True, blank=True, related_name="orders", db_index=False,
        help_text="What it follows from, if an algorithm wanted it.",
    )  # fmt: skip
    twap = models.ForeignKey(
        "trading.Twap", models.PROTECT, null=True, blank=True, related_name="orders", db_index=False,
        help_text="What it is a slice of.",
    )  # fmt: skip
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.OURS)
    coin_type = models.CharField(max_length=20)
    side = models.CharField(max_length=4, choices=Side)
    order_type = models.CharField(max_length=6, choices=Type)
    requested_quantity = QuantityField(null=True, help_text="What was asked for.")
    amount_aud = AudField(null=True, help_text="What was to be spent, for a market buy by amount.")
    quantity = QuantityField(
        null=True, help_text="What is ordered; null only if denied before it could be sized."
    )
    price = PriceField(null=True, help_text="The limit that was asked for.")
    limit_price = PriceField(
        null=True, help_text="The worst price accepted: the limit, or a market order's collar."
    )
    valued_price = PriceField(
        null=True, help_text="What limits value a coin of it at: the ask, or its price."
    )
    status = models.CharField(max_length=16, choices=STATUS_CHOICES)
    filled_quantity = QuantityField(default=0)
    average_fill_price = PriceField(null=True, help_text="Mean price of its fills, AUD per coin.")
    fee_aud = AudField(default=0)
    reserved_aud = AudField(default=0)
    reserved_quantity = QuantityField(default=0)
    denials = models.JSONField(default=list)
    error = models.CharField(max_length=500, blank=True)
    idempotency_key = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null: no key, and not unique
    request_digest = models.CharField(max_length=64, blank=True)
    venue_order_id = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null until the venue gives one
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, help_text="When a worker may take it up.")
    expires_at = models.DateTimeField(null=True, help_text="After this it is not submitted any more.")
    nonce = models.BigIntegerField(null=True, help_text="The fence of its submit; never used again.")
    body = models.TextField(blank=True, help_text="What is signed and sent, to the byte.")
    lease_until = models.DateTimeField(null=True, help_text="When its submit is given up for lost.")
    fenced_at = models.DateTimeField(null=True, help_text="Since when a late submit would be refused.")
    looked_at = models.DateTimeField(
        null=True, help_text="Since when the venue shows no trace of it, or one that does not add up."
    )
    candidates = models.JSONField(default=list, help_text="What at the venue it may be.")
    cancel_requested_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    submitted_at = models.DateTimeField(null=True)
    filled_at = models.DateTimeField(null=True)

    objects: ClassVar[OrderQuerySet] = OrderQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (
            models.Index(fields=["account", "-created_at", "-id"], name="order_account_created"),
            models.Index(fields=["next_at", "account"], condition=Q(status="pending"), name="order_queue"),
            models.Index(fields=["account", "submitted_at"], name="order_submitted"),
            models.Index(
                fields=["account", "id"], condition=Q(status__in=values(IN_FLIGHT)), name="order_in_flight"
            ),
            models.Index(fields=["decision"], condition=Q(decision__isnull=False), name="order_decision"),
            models.Index(fields=["twap"], condition=Q(twap__isnull=False), name="order_twap"),
            models.Index(
                fields=["coin_type", "side"], condition=Q(status__in=values(RESTING)), name="order_resting"
            ),
            models.Index(
                Upper(Trim("venue_order_id")),
                condition=Q(venue_order_id__isnull=False),
                name="order_venue_name",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=["user", "idempotency_key"], name="order_idempotency_key"),
            models.UniqueConstraint(fields=["account", "venue_order_id"], name="order_venue_id"),
            models.UniqueConstraint(
                fields=["account"], condition=Q(status__in=values(UNRESOLVED)), name="order_one_unresolved"
            ),
            models.CheckConstraint(condition=Q(status__in=values(Status)), name="order_status_known"),
            models.CheckConstraint(condition=Q(side__in=["buy", "sell"]), name="order_side_known"),
            models.CheckConstraint(condition=Q(order_type__in=["market", "limit"]), name="order_type_known"),
            models.CheckConstraint(
                condition=Q(status="denied") | (Q(quantity__gt=0, quantity__lt=10**20, limit_price__gt=0)),
                name="order_sized_unless_denied",
            ),
            models.CheckConstraint(
                condition=not_negative("reserved_aud") & not_negative("reserved_quantity"),
                name="order_reserves",
            ),
            models.CheckConstraint(
                condition=~Q(status="pending")
                | Q(side="buy", reserved_aud__gte=F("quantity") * F("limit_price"))
                | Q(side="sell", reserved_quantity__gte=F("quantity")),
                name="order_reserves_what_it_may_take",
            ),
            models.CheckConstraint(condition=Q(origin__in=["ours", "external"]), name="order_origin_known"),
            models.CheckConstraint(
                condition=not_negative("filled_quantity")
                & (Q(status="needs_review") | Q(quantity=None) | Q(filled_quantity__lte=F("quantity"))),
                name="order_not_overfilled",
            ),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.FSM(
                name="moves_by_the_table",
                field="status",
                transitions=sorted(
                    (source.value, target.value)
                    for source, targets in TRANSITIONS.items()
                    for target in targets
                ),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="reserves_what_there_is",
                when=pgtrigger.After,
                func=GUARD,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.origin = 'ours'"),
            ),
            pgtrigger.Trigger(
                name="reserves_no_more_than_there_is",
                when=pgtrigger.After,
                func=GUARD,
                operation=pgtrigger.UpdateOf("reserved_aud", "reserved_quantity"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Condition(
                    "NEW.status = 'pending' AND"
                    " (NEW.reserved_aud > OLD.reserved_aud OR NEW.reserved_quantity > OLD.reserved_quantity)"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.side} {self.coin_type} {self.status}"

    @property
    def open_quantity(self) -> Decimal:
        """Give the coins that are still to be filled."""
        left: Decimal = (self.quantity or ZERO) - self.filled_quantity
        return left
