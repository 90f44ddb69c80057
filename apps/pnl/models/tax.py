"""What tax law says, by the day it begins to say it."""

from datetime import date
from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Floor

from apps.pnl.tax import DISCOUNT_PERCENT, HOLDING_MONTHS, LOSSES_FIRST
from ohmycoins.core import clock
from ohmycoins.core.money import plain

_SENSIBLE = (
    Q(name=DISCOUNT_PERCENT, value__gte=0, value__lte=100)
    | Q(name=HOLDING_MONTHS, value__gte=0, value__lte=600, value=Floor("value"))
    | Q(name=LOSSES_FIRST, value__in=[0, 1])
)
_CGT_BEGAN, _FAR = date(1985, 9, 20), date(9998, 1, 1)


class TaxRule(models.Model):
    """A rule from one day on. Of those that hold on a day, the one that began last counts; then the newest row.

    Rows are appended: a wrong one is overruled by another of the same day.
    """

    class Name(models.TextChoices):
        DISCOUNT_PERCENT = DISCOUNT_PERCENT, "per cent of a discount gain that is not taxed"
        HOLDING_MONTHS = HOLDING_MONTHS, "months that coins must be held for the discount"
        LOSSES_FIRST = LOSSES_FIRST, "1: losses come off before the discount; 0: after"

    name = models.CharField(max_length=40, choices=Name)
    value = models.DecimalField(max_digits=11, decimal_places=8)
    effective_from = models.DateField(help_text="The first day of disposals that it holds for.")
    effective_to = models.DateField(null=True, blank=True, help_text="The last one; empty: until another.")
    source = models.CharField(max_length=300, help_text="The law or ruling, with its section.")
    added_by = models.CharField(max_length=60, editable=False)
    added_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=_SENSIBLE, name="tax_rule_sensible",
                violation_error_message="This rule cannot have such a value.",
            ),
            models.CheckConstraint(
                condition=Q(effective_from__gte=_CGT_BEGAN, effective_from__lt=_FAR)
                & (Q(effective_to=None) | Q(effective_to__gte=F("effective_from"), effective_to__lt=_FAR)),
                name="tax_rule_dated",
                violation_error_message="It must end after it begins, and begin after capital gains tax did, in 1985.",
            ),
        )  # fmt: skip
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.name} {plain(self.value)} from {self.effective_from}"
