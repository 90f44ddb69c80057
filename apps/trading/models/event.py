"""The trail: everything that was decided and done, one chain of events per account."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F
from django.db.models.functions import Coalesce

from apps.trading.models.account import Account
from apps.trading.models.order import Order

# What an event's digest covers, after the digest of the event before it. Text, so that
# `verify_audit` can hash it without asking the database to check itself.
TEXT = """
    jsonb_build_array({0}.seq, {0}.account_id, {0}.order_id, {0}.type, {0}.from_status, {0}.to_status,
        to_char({0}.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), {0}.actor, {0}.reason, {0}.inputs)::text
"""
CHAIN = f"""
    UPDATE trading_chain SET seq = seq + 1 WHERE id = coalesce(NEW.account_id, 0)
        RETURNING seq, digest INTO NEW.seq, NEW.digest;
    IF NOT FOUND THEN
        NEW.seq := 1;
        NEW.digest := '';
        INSERT INTO trading_chain (id, seq, digest) VALUES (coalesce(NEW.account_id, 0), 1, '');
    END IF;
    NEW.digest := encode(sha256(convert_to(NEW.digest || {TEXT.format("NEW").strip()}, 'UTF8')), 'hex');
    UPDATE trading_chain SET digest = NEW.digest WHERE id = coalesce(NEW.account_id, 0);
    RETURN NEW;
"""  # noqa: S608 - constants only


class Event(models.Model):
    """Something that was decided or done: when, by whom, why, and on what.

    The database numbers the events of an account (those of no account are account 0's) and chains
    them: `digest` is the SHA-256, in hex, of the digest before it followed by the event's text.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="events", null=True, db_index=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="events", null=True, db_index=False)
    type = models.CharField(max_length=40, help_text="Noun and participle, such as order.moved.")
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16, blank=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=60, help_text="user:ID, or the part of the system that acted.")
    reason = models.CharField(max_length=300)
    inputs = models.JSONField(default=dict)
    seq = models.BigIntegerField(editable=False, default=0)
    digest = models.CharField(max_length=64, editable=False, default="")

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=["order", "id"], name="event_order"),
            models.Index(fields=["account", "id"], name="event_account"),
        )
        constraints = (models.UniqueConstraint(Coalesce(F("account"), 0), F("seq"), name="event_seq"),)
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(name="chained", operation=pgtrigger.Insert, when=pgtrigger.Before, func=CHAIN),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.from_status or 'new'} → {self.to_status}" if self.to_status else self.type


class Chain(models.Model):
    """The head of an account's chain (its id is the account's, or 0); only the trigger writes it."""

    id = models.BigIntegerField(primary_key=True)
    seq = models.BigIntegerField()
    digest = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.pk}: {self.seq}"
