"""What the cramming study decides: results/cramming_decisions.parquet, every claim with its criteria and verdict.

A claim has one row per criterion and model, and one row ``verdict`` of model ``all``, which every page quotes. Columns:
estimate, low, high and n of the criterion; threshold in words; met, null if undecided; outcome; reason, a sentence made
from the numbers.
"""

import re
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
from tokentrial.cramming.evidence import MINIMUM_TEXTS, Evidence, Published
from tokentrial.errors import InputError
from tokentrial.published import PublishedTable
from tokentrial.run.columns import CONDITIONS, METHODS

_REGISTERED = (study, controls, single)
CLAIMS = tuple(DECIDED)
NOTHING = Published()
SIZE, MULTIPLES = re.compile(r"-(\d+(?:\.\d+)?)([MB])\b"), {"M": 1e6, "B": 1e9}


def published_models(tables: Mapping[str, PublishedTable]) -> Published:
    """Decoding capacities on PG-19, by model in small letters, and the sizes in the models' names.

    Raises InputError for a name without a size.
    """
    table = tables["cramming-models"]
    capacities = {single.plain_name(name): printed.number(row["capacity"]) for name, row in table.rows.items()}
    sizes = []
    for row in table.rows.values():
        size = SIZE.search(row["label"])
        if size is None:
            raise InputError(f"{table.where}: found '{row['label']}', expected a name with a size, such as 160M")
        sizes.append(float(size[1]) * MULTIPLES[size[2]])
    return Published(capacities, min(sizes), max(sizes))


def rows(evidence: Evidence, published: Published = NOTHING) -> list[Row]:
    """The rows of `DECISIONS`: questions of the study, controls, claims; none for a run without cramming."""
    if not evidence.cells.blocks:
        return []
    evidence = replace(evidence, published=published)
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
    models = published_models(printed.load(published)) if published else NOTHING
    results.write(measures, measured.table(list(measured.rows(evidence)), MEASURES))
    results.write(decisions, measured.table(rows(evidence, models), DECISIONS))
