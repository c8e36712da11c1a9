"""What the cramming study decides: results/cramming_decisions.parquet, every claim with its criteria and verdict.

A claim has one row per criterion and model, and one row ``verdict`` of model ``all``. Columns: estimate, low, high and
n of the criterion; threshold in words; met, null where undecided; outcome; reason, a sentence made from the numbers.
"""

from pathlib import Path
from typing import Any

from tokentrial.cramming import claim_rules, control_rules, rules
from tokentrial.cramming.evidence import Evidence
from tokentrial.report import published

CLAIMS = (*rules.RULES, *control_rules.RULES, *claim_rules.RULES)


def published_capacities(path: str | Path | None) -> dict[str, float]:
    """Model, in small letters -> decoding capacity in tokens on PG-19, from config/published/cramming.yaml."""
    if path is None:
        return {}
    table = published.load(path)["cramming-models"]
    return {claim_rules.plain_name(name): published.number(row["capacity"]) for name, row in table.rows.items()}


def rows(evidence: Evidence, capacities: claim_rules.Published) -> list[dict[str, Any]]:
    """The rows of `DECISIONS`: rules (a) to (f), controls, single claims; none for a run without cramming."""
    if not evidence.cells.blocks:
        return []
    made: list[dict[str, Any]] = []
    for rule in (*rules.RULES.values(), *control_rules.RULES.values()):
        made += rule(evidence)
    for claim_rule in claim_rules.RULES.values():
        made += claim_rule(evidence, capacities)
    return made
