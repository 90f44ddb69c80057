"""Make a past decision again, from what is stored: the same rows, book and clock give the same signal."""

from dataclasses import dataclass
from typing import Any

from apps.trading.algorithms.base import code_digest, read_parameters
from apps.trading.models import Decision
from apps.trading.services import books
from apps.trading.services.algorithms import rule_of
from apps.trading.services.decisions import as_stored, consult, stored_evidence
from apps.trading.services.knowing import read_known, require_whole
from ohmycoins.core.errors import Invalid


@dataclass(frozen=True, slots=True)
class Replayed:
    """A decision as it was made, and as it is made again."""

    decision: Decision
    before: dict[str, Any]
    after: dict[str, Any]
    same_code: bool
    """Whether the rule's module and what rules share are what they were, to the byte."""

    @property
    def same(self) -> bool:
        return self.before == self.after


def replay_decision(decision_id: int) -> Replayed:
    """Decide again what was decided, changing nothing.

    Raises Invalid for one that never came to a signal, and Gone when rows that it may have read were deleted.
    """
    decision = (
        Decision.objects.select_related("deployment__algorithm")
        .prefetch_related("evidence")
        .filter(pk=decision_id)
        .first()
    )
    if decision is None or decision.status != Decision.Status.DONE or decision.decided_at is None:
        raise Invalid(f"there is no decision {decision_id} that came to a signal")
    if not decision.code_digest:
        raise Invalid(f"decision {decision_id} was {decision.reason.rpartition(', ')[2]}: no rule made it")
    rule = rule_of(decision.deployment.algorithm.slug)
    parameters = read_parameters(rule, decision.parameters)
    inputs = rule.inputs(parameters)
    require_whole(inputs, decision.decided_at)
    known = read_known(inputs, decision.decided_at)
    found = consult(rule, parameters, inputs, known, books.from_json(decision.book), decision.decided_at)
    after = as_stored(found.signal) | {
        "evidence": [(ref.table, ref.id) for ref in stored_evidence(found.signal)],
        "reads": sorted((ref.table, ref.id) for ref in found.read),
        "quality": [verdict.as_json() for verdict in found.verdicts],
    }
    before = {name: getattr(decision, name) for name in as_stored(found.signal)} | {
        "evidence": [(row.table, row.row_id) for row in decision.evidence.order_by("place")],
        "reads": sorted((table, row_id) for table, ids in decision.reads.items() for row_id in ids),
        "quality": decision.quality,
    }
    return Replayed(decision, before, after, decision.code_digest == code_digest(type(rule)))
