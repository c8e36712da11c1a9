"""What the cramming study decides: results/cramming_decisions.parquet, every claim with its criteria and verdict.

A claim has one row per criterion and model, and one row ``verdict`` of model ``all``. Columns: estimate, low, high and
n of the criterion; threshold in words; met, null if undecided; outcome; reason, a sentence made from the numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tokentrial import published as printed
from tokentrial import results
from tokentrial.claims.decisions import controls, single, study
from tokentrial.claims.decisions.deciding import DECIDED, Row
from tokentrial.cramming import measures as measured
from tokentrial.cramming.cells import Cells
from tokentrial.cramming.columns import DECISIONS, MEASURES
from tokentrial.cramming.evidence import MINIMUM_TEXTS, Evidence
from tokentrial.published import PublishedTable
from tokentrial.run.columns import CONDITIONS, METHODS

_REGISTERED = (study, controls, single)
CLAIMS = tuple(DECIDED)


def published_capacities(tables: Mapping[str, PublishedTable]) -> dict[str, float]:
    """Model, in small letters -> decoding capacity in tokens on PG-19, as document 004 prints it."""
    table = tables["cramming-models"]
    return {single.plain_name(name): printed.number(row["capacity"]) for name, row in table.rows.items()}


def rows(evidence: Evidence, capacities: Mapping[str, float]) -> list[Row]:
    """The rows of `DECISIONS`: rules (a) to (f), controls, single claims; none for a run without cramming."""
    if not evidence.cells.blocks:
        return []
    evidence = replace(evidence, published=capacities)
    return [row for rule in DECIDED.values() for row in rule(evidence)]


def write(
    runs: str,
    conditions: str,
    methods: str,
    measures: str,
    decisions: str,
    settings: Mapping[str, Any],
    seed: int,
    published: Sequence[str] = (),
) -> None:
    """Read all runs and write the measures and the decisions of the cramming study; both are empty without its rows.

    runs, conditions, methods: the run's tables; settings: confidence and resamples; if given, ``models``, the config's
    entries by name, which say what is untrained, ``predict_first``, and ``minimum_texts``, which a decision asks of a
    cell (16). published: the printed tables of all documents, for claims about models that document 004 has.
    Raises InputError for a file that cannot be used.
    """
    cells = Cells(
        results.read(runs, results.RUNS).to_pandas(),
        results.read(conditions, CONDITIONS).to_pandas(),
        results.read(methods, METHODS).to_pandas(),
        settings.get("models"),
        bool(settings.get("predict_first", False)),
        int(settings.get("minimum_texts", MINIMUM_TEXTS)),
    )
    evidence = Evidence(cells, settings, seed)
    capacities = published_capacities(printed.load(published)) if published else {}
    results.write(measures, measured.table(list(measured.rows(evidence)), MEASURES))
    results.write(decisions, measured.table(rows(evidence, capacities), DECISIONS))
