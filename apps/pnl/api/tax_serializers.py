"""Write the tax report as JSON; amounts exact, days in the account's time zone."""

from typing import Any

from rest_framework import serializers

from apps.pnl.tax_notes import DISCLAIMER, NOTES
from ohmycoins.core.api.fields import InstantField, PlainDecimalField, represent


class Rows(serializers.ListSerializer[Any]):
    """Many rows of plain attributes, at a third of DRF's cost."""

    def to_representation(self, data: Any) -> Any:
        return represent(self.child, data)  # type: ignore[arg-type]


class DisposalSerializer(serializers.Serializer[object]):
    coin_type = serializers.CharField()
    kind = serializers.CharField()
    quantity = PlainDecimalField()
    acquired_on = serializers.DateField()
    disposed_on = serializers.DateField()
    acquired_by = serializers.CharField()
    cost_base = PlainDecimalField()
    proceeds = PlainDecimalField()
    gain = PlainDecimalField()
    held_over_12_months = serializers.BooleanField()
    discount_eligible = serializers.BooleanField()
    cost_unknown = serializers.BooleanField()
    buy_fill_id = serializers.IntegerField(allow_null=True)
    sell_fill_id = serializers.IntegerField()

    class Meta:
        list_serializer_class = Rows


class UnmatchedSaleSerializer(serializers.Serializer[object]):
    coin_type = serializers.CharField()
    kind = serializers.CharField()
    quantity = PlainDecimalField()
    disposed_on = serializers.DateField()
    proceeds = PlainDecimalField()
    sell_fill_id = serializers.IntegerField()

    class Meta:
        list_serializer_class = Rows


class ReceiptSerializer(serializers.Serializer[object]):
    coin_type = serializers.CharField()
    kind = serializers.CharField()
    quantity = PlainDecimalField()
    received_on = serializers.DateField()
    value_aud = PlainDecimalField()
    fill_id = serializers.IntegerField()

    class Meta:
        list_serializer_class = Rows


class ReceivedKindSerializer(serializers.Serializer[object]):
    kind = serializers.CharField()
    count = serializers.IntegerField()
    value_aud = PlainDecimalField()
    note = serializers.CharField()


class AssessmentSerializer(serializers.Serializer[object]):
    """From gross gains to the net capital gain; AUD."""

    discountable_gains = PlainDecimalField()
    other_gains = PlainDecimalField()
    gross_gains = PlainDecimalField()
    losses = PlainDecimalField()
    losses_carried_in = PlainDecimalField()
    losses_used = PlainDecimalField()
    carried_in_used = PlainDecimalField()
    gains_after_losses = PlainDecimalField()
    discount = PlainDecimalField()
    net_capital_gain = PlainDecimalField()
    losses_carried_forward = PlainDecimalField()


class TotalsSerializer(AssessmentSerializer):
    proceeds = PlainDecimalField()
    cost_base = PlainDecimalField()
    income = PlainDecimalField()
    unmatched_proceeds = PlainDecimalField()


class EarlierYearSerializer(serializers.Serializer[object]):
    financial_year = serializers.CharField(source="year")
    totals = AssessmentSerializer(source="assessment")


class TaxRuleSerializer(serializers.Serializer[object]):
    name = serializers.CharField()
    value = PlainDecimalField()
    effective_from = serializers.DateField()
    effective_to = serializers.DateField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]


class WarningSerializer(serializers.Serializer[object]):
    code = serializers.CharField()
    message = serializers.CharField()


class IncomeSerializer(serializers.Serializer[object]):
    total = PlainDecimalField(source="report.sums.income")
    by_kind = ReceivedKindSerializer(many=True, source="report.income_by_kind")
    received = ReceiptSerializer(many=True, source="receipts")


class TaxReportSerializer(serializers.Serializer[object]):
    """A financial year, as an estimate."""

    estimate = serializers.BooleanField(default=True)
    disclaimer = serializers.CharField(default=DISCLAIMER)
    financial_year = serializers.CharField(source="report.year")
    starts_on = serializers.DateField(source="report.year.first")
    ends_on = serializers.DateField(source="report.year.last")
    account = serializers.IntegerField(source="report.account.pk")
    timezone = serializers.CharField(source="report.account.timezone")
    as_of = InstantField(source="report.as_of")
    complete = serializers.BooleanField(source="report.complete", help_text="Whether the year has ended.")
    totals = TotalsSerializer(source="report.totals")
    losses_carried_forward = PlainDecimalField(source="report.assessment.losses_carried_forward")
    disposals = DisposalSerializer(many=True)
    unmatched_sales = UnmatchedSaleSerializer(many=True)
    income = IncomeSerializer(source="*")
    earlier_years = EarlierYearSerializer(many=True, source="report.earlier_years")
    rules = TaxRuleSerializer(many=True, source="report.rules")
    warnings = WarningSerializer(many=True, source="report.warnings")
    notes = serializers.ListField(child=serializers.CharField(), default=list(NOTES))
