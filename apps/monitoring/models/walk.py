"""How far the invariants have been checked, and what sums over facts came to on the way."""

from typing import ClassVar

from django.db import models

from ohmycoins.core import clock
from ohmycoins.core.fields import AudField, QuantityField


class Walk(models.Model):
    """One kind of row, walked from the first to the last and then again; `newest` was seen ahead of its turn."""

    name = models.SlugField(max_length=10, primary_key=True)
    cursor = models.JSONField(default=list, help_text="The key of the last row that was looked at.")
    newest = models.BigIntegerField(default=0, help_text="Rows up to this id have been looked at once.")
    begun_at = models.DateTimeField(null=True, help_text="When this pass over all rows began.")
    completed_at = models.DateTimeField(null=True, help_text="When a pass was last complete.")
    looked = models.BigIntegerField(default=0, help_text="Rows looked at in this pass …")
    looked_last = models.BigIntegerField(default=0, help_text="… and in the complete one before it.")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Summing(models.Model):
    """How far fills are added up in `Tally`: those of a complete pass, and of the pass that is under way.

    There is one row. An id below `settled_id` is not going to appear any more: whatever was writing when it
    was the newest has ended since.
    """

    generation = models.PositiveIntegerField(
        default=0, help_text="Of the tallies that are complete; 0: none is."
    )
    through_id = models.BigIntegerField(default=0, help_text="They add up the fills to this id.")
    until_id = models.BigIntegerField(default=0, help_text="The next ones will add up those to this id.")
    settled_id = models.BigIntegerField(default=0)
    pending_id = models.BigIntegerField(default=0, help_text="To be settled …")
    pending_transaction = models.BigIntegerField(
        null=True, help_text="… when all transactions before this have ended."
    )

    def __str__(self) -> str:
        return f"fills to {self.through_id}"


class Tally(models.Model):
    """What the fills of a coin in a book came to: facts that stay, added up once in a pass."""

    generation = models.PositiveIntegerField()
    account_id = models.BigIntegerField()
    algorithm_id = models.BigIntegerField(null=True)
    coin_type = models.CharField(max_length=20)
    quantity = QuantityField()
    cash_aud = AudField()

    class Meta:
        verbose_name_plural = "tallies"
        constraints: ClassVar[tuple[models.UniqueConstraint, ...]] = (
            models.UniqueConstraint(
                fields=["generation", "account_id", "coin_type", "algorithm_id"], nulls_distinct=False,
                name="tally_one_a_book",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.coin_type} of account {self.account_id}"


class TrailMark(models.Model):
    """The head of a chain of events as it was last seen: what is before it may not change any more."""

    chain = models.BigIntegerField(primary_key=True, help_text="The account, or 0.")
    seq = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.chain}: {self.seq}"
