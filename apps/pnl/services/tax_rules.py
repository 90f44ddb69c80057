"""Keep the dated rules of tax law."""

from typing import Any

import structlog
from django.db import connection

from apps.pnl.models import TaxRule
from apps.pnl.tax import SHIPPED, Rule

log = structlog.get_logger(__name__)

SHIPPED_BY = "release"


def tax_rules() -> list[Rule]:
    """Give every rule, in the order in which `tax.in_force` reads them."""
    rows = TaxRule.objects.order_by("effective_from", "id")
    return [
        Rule(*row) for row in rows.values_list("name", "value", "effective_from", "effective_to", "source")
    ]


def add_tax_rule(rule: TaxRule, *, actor: str) -> None:
    """Append a rule, with who added it."""
    rule.added_by = actor
    rule.save(force_insert=True)
    log.info(
        "tax_rule.added", rule_id=rule.pk, name=rule.name, effective_from=rule.effective_from, actor=actor
    )


def ship_tax_rules(**_: Any) -> None:
    """Append the rules of this release that are missing; after every migration."""
    if TaxRule._meta.db_table not in connection.introspection.table_names():
        return  # migrated back to before there were rules
    for rule in SHIPPED:
        TaxRule.objects.get_or_create(
            name=rule.name, value=rule.value, effective_from=rule.effective_from, effective_to=rule.effective_to,
            added_by=SHIPPED_BY, defaults={"source": rule.source},
        )  # fmt: skip
