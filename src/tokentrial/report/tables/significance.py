"""Document 001, Section 5.1: 16 of 17 significant, and how many of the corresponding comparisons are, by way."""

from collections.abc import Callable, Iterator, Mapping

from tokentrial.published import PublishedTable, number
from tokentrial.released import academic_validation
from tokentrial.released.cells import Measured
from tokentrial.report.tables.registry import Ask, Row, kind
from tokentrial.run.finals import SIMULATED
from tokentrial.run.view import View

ALPHA = 0.05
STUDIES = ("compression", "vocabulary", "complexity", "baselines")
FORMULA, TRAINED = "academic-validation", "focused-scaling"
# The formula's names of its studies, where they differ; the document leaves its fifth study out.
FORMULA_STUDIES = {"baselines": "baseline"}
OTHER_STUDY = "architecture"
KIN = ("", "_deep", "_variational")
"""What an autoencoder's name ends in among document 001's three baselines."""

Tally = dict[str, tuple[int, int]]  # experiment -> how many, of how many
Tallies = dict[str, tuple[str, Tally]]  # outcome -> seeds, tally
Pairs = Iterator[tuple[str, Row]]  # experiment and comparison, which may be empty


def _direction(row: Row) -> int:
    """-1 for a loss that is significantly lower, 1 for one that is higher, else 0."""
    significant = row["p_holm"] is not None and row["p_holm"] < ALPHA
    return (-1 if row["difference"] < 0 else 1) if significant else 0


OUTCOMES: dict[str, Callable[[Row], bool]] = {
    "learned better": lambda row: _direction(row) < 0,
    "learned worse": lambda row: _direction(row) > 0,
    "no difference shown": lambda row: _direction(row) == 0,
    "equivalent": lambda row: bool(row["equivalent"]),
}


@kind("significance")
def significance(ask: Ask) -> Iterator[Row]:
    """Counts by way and outcome, with a column for each experiment; the sum over all is computed."""
    view, table = ask.view, ask.printed[ask.name]
    claims = (f"{row['label']} {row['significant']}/{row['of']} {row['claim']}" for row in table.rows.values())
    ask.words.update(claims="; ".join(claims), alpha=f"{ALPHA}", cells=str(len(academic_validation.CELLS)))
    groups = {
        "Published": _published(ask.printed),
        f"As released: the formula's own test, p < {ALPHA}": _own_test(view),
        "As released: the formula, paired and Holm-corrected": _measured(_of_script(view, FORMULA, FORMULA_STUDIES)),
        "As released: the training script": _measured(_of_script(view, TRAINED, {})),
        "As described": _measured(_trained(view, "as-described", "autoencoder_001")),
        "Done right": _measured(_trained(view, "done-right", "autoencoder")),
    }
    for way, tallies in groups.items():
        for outcome, (n, tally) in tallies.items():
            row: Row = {"way": way, "outcome": outcome, "n": n, "_section": way}
            for name in (*STUDIES, OTHER_STUDY, "all"):
                pair = tally.get(name)
                row[name], row[f"{name}_of"] = pair or (None, None)
                row[f"_{name}"] = None if pair is None else f"{pair[0]} of {pair[1]}"
            yield row


def _published(printed: Mapping[str, PublishedTable]) -> Tallies:
    table = printed["doc001-summary"]
    claimed: Tally = {name: (int(row["significant"]), int(row["of"])) for name, row in table.rows.items()}
    tested: Tally = {}
    for study in ("compression", "vocabulary"):
        values = [number(row["p"]) for row in printed[f"doc001-{study}"].rows.values()]
        tested[study] = sum(value < ALPHA for value in values), len(values)  # a text such as '> 0.05' is not
    n = str(table.n)
    return {"claimed significant": (n, claimed), f"printed p below {ALPHA}": (n, tested)}


def _own_test(view: View) -> Tallies:
    """The script's own test of its own first runs."""
    conditions = {each.cell: each for each in view.select(experiment=FORMULA, way="as-released")}
    rows = []
    for cell in academic_validation.CELLS:
        for arm in ("learned", "traditional"):
            condition = conditions[cell].id if cell in conditions else ""
            values = view.values(condition, arm, SIMULATED, academic_validation.RUNS)
            if values.empty:
                return {}
            rows += [
                Measured(cell, arm, int(str(seed)), "none", None, SIMULATED, value, "none")
                for seed, value in values.items()
            ]
    tested = academic_validation.statistics(rows)
    study = tested["cell"].map({cell: each.varied for cell, each in conditions.items()})
    tally: Tally = {}
    for name in (*STUDIES, OTHER_STUDY):
        of_study = tested[study == FORMULA_STUDIES.get(name, name)]
        tally[name] = int((of_study["significant"] & (of_study["effect_size"] > 0)).sum()), len(of_study)
    return {"learned better": (str(academic_validation.RUNS), _with_sum(tally))}


def _trained(view: View, way: str, standard: str) -> Pairs:
    """Learned against the standard autoencoder; among the baselines also against its deep and variational kin."""
    for study in STUDIES:
        for each in view.select(experiment=study, way=way):
            for kin in KIN if study == "baselines" else KIN[:1]:
                yield study, view.pair(each.id, "learned", f"{standard}{kin}")


def _of_script(view: View, script: str, names: Mapping[str, str]) -> Pairs:
    """Every comparison of the cells of a script, by what varies in them; names: of the script, where they differ."""
    for study in (*STUDIES, OTHER_STUDY):
        for each in view.select(experiment=script, way="as-released", varied=names.get(study, study)):
            yield from ((study, row) for row in view.pairs(each.id))


def _measured(pairs: Pairs) -> Tallies:
    known: dict[str, list[Row]] = {}
    for study, row in pairs:
        if row:
            known.setdefault(study, []).append(row)
    seeds = sorted({int(row["n"]) for rows in known.values() for row in rows})
    if not seeds:
        return {}
    n = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    tallies = {
        outcome: {study: (sum(map(holds, rows)), len(rows)) for study, rows in known.items()}
        for outcome, holds in OUTCOMES.items()
    }
    return {outcome: (n, _with_sum(tally)) for outcome, tally in tallies.items()}


def _with_sum(tally: Tally) -> Tally:
    return {**tally, "all": (sum(pair[0] for pair in tally.values()), sum(pair[1] for pair in tally.values()))}
