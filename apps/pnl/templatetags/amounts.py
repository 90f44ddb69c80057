"""Show amounts and quantities to people."""

from decimal import ROUND_HALF_EVEN, Decimal

from django import template

from ohmycoins.core.money import CENT, plain

register = template.Library()


@register.filter
def cents(amount: Decimal) -> str:
    """Write AUD with cents, half to even, such as −1,234.50; what rounds to nothing has no sign."""
    rounded = amount.quantize(CENT, rounding=ROUND_HALF_EVEN)
    return f"{'−' if rounded < 0 else ''}{abs(rounded):,}"


@register.filter
def less(amount: Decimal) -> str:
    """Write an amount that is taken off."""
    return cents(-amount)


@register.filter
def coins(quantity: Decimal) -> str:
    """Write a quantity, or another number, without the zeros its table keeps."""
    return plain(quantity)


@register.filter
def words(name: str) -> str:
    """Write a name of the API's as words."""
    return name.replace("_", " ")
