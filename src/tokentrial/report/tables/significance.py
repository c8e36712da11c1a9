"""Document 001, Section 5.1: 16 of 17 significant, and how many of the corresponding comparisons are, by way."""

from collections.abc import Iterator, Mapping

import pandas as pd

from tokentrial.published import PublishedTable, number
from tokentrial.released import academic_validation
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import MISSING, Section, Table
from tokentrial.report.tables.document_001 import DESCRIBED, FORMULA, VARIANTS
from tokentrial.report.tables.rows import STUDY, Row, released
from tokentrial.results import Measurement
from tokentrial.run.finals import SIMULATED
from tokentrial.run.view import View

ALPHA = 0.05
STUDIES = ("compression", "vocabulary", "complexity", "baselines")
OUTCOMES = ("learned better", "learned worse", "no difference shown", "equivalent")
# The academic-validation script's names of its studies, where they differ; the document leaves its fifth study out.
SCRIPT_STUDIES = {"baselines": "baseline"}
OTHER_STUDY = "architecture"

Tally = dict[str, tuple[int, int] | None]  # sub-study -> how many, of how many; None where nothing is known


def summary(view: View, published: Mapping[str, PublishedTable]) -> Table:
    """Counts by way and outcome, one column per sub-study; the sum over all is computed."""
    table = published["doc001-summary"]
    groups = {
        "Published": _published(published),
        f"As released: the formula's own test, p < {ALPHA}": _own_test(view),
        "As released: the formula, paired and Holm-corrected": _measured(view, _formula_pairs(view)),
        "As released: the training script": _measured(view, _script_pairs(view)),
        "As described": _measured(view, _pairs(view, "as-described", DESCRIBED)),
        "Done right": _measured(view, _pairs(view, "done-right", VARIANTS["standard"][0])),
    }
    names = {study: table.rows[study]["label"] for study in STUDIES}
    rows = [
        {"way": way, "outcome": outcome, "n": n, **_flat(tally)}
        for way, tallies in groups.items()
        for outcome, (n, tally) in tallies.items()
    ]
    sections = tuple(
        Section(way, pd.DataFrame([_shown(outcome, n, tally, names) for outcome, (n, tally) in tallies.items()]))
        for way, tallies in groups.items()
        if tallies
    )
    name = "doc001-summary"
    return Table(name, table_title(name), pd.DataFrame(rows), sections, _notes(table), "Way")


def _notes(table: PublishedTable) -> tuple[str, ...]:
    claims = "; ".join(f"{row['label']} {row['significant']}/{row['of']} {row['claim']}" for row in table.rows.values())
    return (
        f"Published in {table.where}: {claims}. Printed p-values: those of the document's own Tables 5.2 and 5.3, "
        f"below {ALPHA}.",
        "The formula makes “losses” from constants that favour the learned arm, and noise; nothing is trained. Its "
        f"script tests {len(academic_validation.CELLS)} conditions; the fifth study, architecture, is counted in the "
        "sum and has no column.",
        "Better and worse: lower and higher held-out loss (as released: training loss), paired t test, "
        f"Holm-corrected p < {ALPHA} over the cells of one way and sub-study (the formula and the training script: "
        "over all their cells). Equivalent: by two one-sided tests, uncorrected; such a comparison is also counted "
        "in one of the first three rows. Done right, the compression study has two kinds of data and the baselines "
        "are the standard, deep and variational autoencoder of the task-trained table on two kinds of data. n: seeds.",
    )


def _published(published: Mapping[str, PublishedTable]) -> dict[str, tuple[str, Tally]]:
    rows = published["doc001-summary"].rows
    claimed: Tally = {name: (int(row["significant"]), int(row["of"])) for name, row in rows.items()}
    tested: Tally = {
        "compression": _printed_p([row["p"] for row in published["doc001-compression"].rows.values()]),
        "vocabulary": _printed_p([row["p"] for row in published["doc001-vocabulary"].rows.values()]),
        "complexity": None,
        "baselines": None,
        "all": None,
    }
    n = str(published["doc001-summary"].n)
    return {"claimed significant": (n, claimed), f"printed p below {ALPHA}": (n, tested)}


def _printed_p(values: list[str]) -> tuple[int, int]:
    """How many printed p-values are below ALPHA; a text such as '> 0.05' is not."""
    return sum(number(value) < ALPHA for value in values), len(values)


def _own_test(view: View) -> dict[str, tuple[str, Tally]]:
    """The script's own test of its own first runs."""
    rows = []
    for cell in academic_validation.CELLS:
        for arm in ("learned", "traditional"):
            values = view.values(released(view, FORMULA, cell), arm, SIMULATED, academic_validation.RUNS)
            if values.empty:
                return {}
            rows += [
                Measurement(f"{arm}.{cell}", int(str(seed)), "none", None, SIMULATED, value, "none")
                for seed, value in values.items()
            ]
    tested = academic_validation.statistics(rows)
    varied = {each.cell: each.varied for each in view.select(study=STUDY, experiment=FORMULA, way="as-released")}
    study = tested["cell"].map(varied)
    tally: Tally = {}
    for name in (*STUDIES, OTHER_STUDY):
        mine = tested[study == SCRIPT_STUDIES.get(name, name)]
        tally[name] = int((mine["significant"] & (mine["effect_size"] > 0)).sum()), len(mine)
    return {OUTCOMES[0]: (str(academic_validation.RUNS), _with_sum(tally))}


Pairs = dict[str, list[Row]]  # sub-study -> its comparisons


def _pairs(view: View, way: str, standard: str) -> Pairs:
    """Learned against the standard autoencoder; in the baselines study also against its deep and variational kin."""
    made: Pairs = {}
    for study in STUDIES:
        variants = VARIANTS if study == "baselines" else ("standard",)
        arms = [standard if variant == "standard" else f"{standard}_{variant}" for variant in variants]
        conditions = view.select(study=STUDY, experiment=study, way=way)
        made[study] = [view.pair(each.id, "learned", arm) for each in conditions for arm in arms]
    return made


def _script_pairs(view: View) -> Pairs:
    return {study: list(_of_script(view, "focused-scaling", study)) for study in STUDIES}


def _formula_pairs(view: View) -> Pairs:
    names = {study: SCRIPT_STUDIES.get(study, study) for study in (*STUDIES, OTHER_STUDY)}
    return {study: list(_of_script(view, "academic-validation", name)) for study, name in names.items()}


def _of_script(view: View, script: str, varied: str) -> Iterator[Row]:
    """Every comparison of the script's cells in which this is what varies."""
    for each in view.select(experiment=script, way="as-released", varied=varied):
        yield from view.pairs(each.id)


def _measured(view: View, pairs: Pairs) -> dict[str, tuple[str, Tally]]:
    known = {study: [row for row in rows if row] for study, rows in pairs.items()}
    seeds = sorted({int(row["n"]) for rows in known.values() for row in rows})
    if not seeds:
        return {}
    n = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    made = {}
    for outcome in OUTCOMES:
        tally: Tally = {
            study: (sum(_is(row, outcome) for row in rows), len(rows)) if rows else None
            for study, rows in known.items()
        }
        made[outcome] = (n, _with_sum(tally))
    return made


def _is(row: Row, outcome: str) -> bool:
    if outcome == "equivalent":
        return bool(row["equivalent"])
    significant = row["p_holm"] is not None and row["p_holm"] < ALPHA
    if outcome == "no difference shown":
        return not significant
    return significant and (row["difference"] < 0) == (outcome == "learned better")


def _with_sum(tally: Tally) -> Tally:
    known = [pair for pair in tally.values() if pair is not None]
    return {**tally, "all": (sum(pair[0] for pair in known), sum(pair[1] for pair in known)) if known else None}


def _flat(tally: Tally) -> Row:
    made: Row = {}
    for name in (*STUDIES, OTHER_STUDY, "all"):
        made[name], made[f"{name}_of"] = tally.get(name) or (None, None)
    return made


def _shown(outcome: str, n: str, tally: Tally, names: Mapping[str, str]) -> dict[str, str]:
    def text(name: str) -> str:
        pair = tally.get(name)
        return MISSING if pair is None else f"{pair[0]} of {pair[1]}"

    return {"Outcome": outcome, "n": n, **{label: text(name) for name, label in names.items()}, "Sum": text("all")}
