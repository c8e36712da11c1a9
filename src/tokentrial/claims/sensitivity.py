"""Every verdict of a run by other choices that were open: margin, metric, baseline, and what stands for the seeds.

A specification changes one or several of the choices of a claim's rule, and the rule judges again by the same rows
(Simonsohn, Simmons and Nelson 2020: specification curve). The margins are shares of the distance from chance to the
floor, for every rule alike; the rule's own specification comes first.
"""

import copy
import functools
import inspect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from tokentrial import forks
from tokentrial import results as results_files
from tokentrial.claims import registry, verdicts
from tokentrial.claims.catalogue import Check
from tokentrial.claims.parameters import bind
from tokentrial.claims.registry import Claim
from tokentrial.claims.rules import RULES, Results
from tokentrial.claims.verdict import UNTESTABLE
from tokentrial.documents import Folders
from tokentrial.errors import InputError
from tokentrial.run.finals import ACCURACY, LOSS

MARGINS = tuple(share / 100 for share in range(1, 11))
CENTERS: tuple[Literal["mean", "median"], ...] = ("mean", "median")
OTHER_METRIC = {LOSS: ACCURACY, ACCURACY: LOSS}
OTHER_BASELINE = {"autoencoder": "autoencoder_finetuned"}
"""A baseline -> the same, trained further with the task; arms of one size have it after a hyphen."""
OF_MEANS_ALONE = ("from_relationships", "grows", "persists", "better_for_its_size")
"""Rules with slopes, shares or parts over the seeds, which have no form for a median."""
BESIDE = ("original", "at", "ratio")
"""Parameters for numbers that stand beside a verdict and do not decide it."""
FIXED = ("as_decided", "needs_study")
"""Rules with none of these choices."""

SENSITIVITY = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("document", pa.string(), nullable=False),
        pa.field("margin", pa.float64()),  # share of the distance from chance to the floor; null: the rule's own
        pa.field("metric", pa.string(), nullable=False),  # empty for a rule without a metric
        pa.field("baseline", pa.string(), nullable=False),  # empty: the rule's own
        pa.field("center", pa.string(), nullable=False),
        pa.field("own", pa.bool_(), nullable=False),  # the rule's own specification
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("difference", pa.float64()),  # of the comparison that the rule shows, with its interval
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("n", pa.int32()),
    ]
)


@dataclass(frozen=True)
class Specification:
    """One way to judge a claim. None, or an empty text: as its rule has it."""

    margin: float | None = None
    metric: str = ""
    baseline: str = ""
    """One of several baselines alone, or another form of the only one."""
    center: Literal["mean", "median"] = "mean"


OWN = Specification()


def specifications(claim: Claim) -> Iterator[Specification]:
    """The rule's own specification, then all combinations of the choices that the rule has."""
    yield OWN
    if claim.check in FIXED:
        return
    metric = claim.parameters.get("metric", "")
    metrics = ["", *([OTHER_METRIC[metric]] if metric in OTHER_METRIC else [])]
    baselines = ["", *_baselines(claim.parameters)]
    centers = CENTERS[:1] if claim.check in OF_MEANS_ALONE or claim.parameters.get("holm") else CENTERS
    margins = (None,) if claim.check == "on_front" else MARGINS
    for chosen in itertools.product(margins, metrics, baselines, centers):
        if (specification := Specification(*chosen)) != OWN:
            yield specification


def changed(claim: Claim, specification: Specification) -> Claim:
    """The claim with the arms and the metric of a specification; margin and center belong to the results."""
    parameters = copy.deepcopy(_plain(claim.parameters))
    for name in BESIDE:
        parameters.pop(name, None)
    if specification.metric:
        parameters["metric"] = specification.metric
    if specification.baseline:
        for entry in parameters["cells"]:
            entry["pairs"] = _against(entry["pairs"], specification.baseline)
        parameters["cells"] = [entry for entry in parameters["cells"] if entry["pairs"]]
    return replace(claim, parameters=parameters)


def _against(pairs: Sequence[Sequence[str]], baseline: str) -> list[list[str]]:
    """The pairs with one of several baselines alone, or with the other baseline of the same size."""
    chosen = [list(pair) for pair in pairs if pair[1].partition("-")[0] == baseline]
    for arm, other in pairs:
        method, hyphen, size = other.partition("-")
        if OTHER_BASELINE.get(method) == baseline:
            chosen.append([arm, f"{baseline}{hyphen}{size}"])
    return chosen


def _baselines(parameters: Mapping[str, Any]) -> list[str]:
    """Each baseline alone of a claim with several, and the other form of one."""
    methods = [pair[1].partition("-")[0] for entry in parameters.get("cells", ()) for pair in entry["pairs"]]
    several = list(dict.fromkeys(methods))
    others = [OTHER_BASELINE[method] for method in several if method in OTHER_BASELINE]
    return [*(several if len(several) > 1 else []), *others]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def judge(claims: Sequence[Claim], results: Results, processes: int = 1) -> pd.DataFrame:
    """A row of `SENSITIVITY` for every claim with a rule and every specification that the run's rows can judge.

    A specification is left out if the rows lack its metric or its baseline in a cell of the claim. processes: that
    judge side by side (see forks).
    """
    seen, ruled = replace(results), [claim for claim in claims if claim.call is None]
    made = forks.over(range(len(ruled)), lambda place: _rows(ruled[place], seen), processes)
    rows = [row for of_claim in made for row in of_claim]
    return pd.DataFrame(rows, columns=SENSITIVITY.names).astype({"n": "Int32", "margin": "float64"})


def _rows(claim: Claim, results: Results) -> list[dict[str, Any]]:
    """The rows of a claim, its rule's own specification first."""
    rows, lacking = [], set[str]()
    forms: dict[tuple[str, str], tuple[Claim, Check]] = {}
    for specification in specifications(claim):
        form = (specification.metric, specification.baseline)
        if form not in forms:
            forms[form] = _form(changed(claim, specification))
        row, missing = _row(claim, specification, results, *forms[form])
        lacking = missing if specification == OWN else lacking
        if row is not None and missing <= lacking:
            rows.append(row)
    return rows


def _form(claim: Claim) -> tuple[Claim, Check]:
    """A claim and its rule, which reads the claim's parameters once: on few rows that takes longer than to judge."""
    rule = inspect.unwrap(RULES[claim.check])
    parameters = functools.cache(lambda: bind(rule, claim.parameters))
    return claim, lambda results, reported, **_: rule(results, reported, **parameters())


def _row(
    claim: Claim, specification: Specification, results: Results, form: Claim, rule: Check
) -> tuple[dict[str, Any] | None, set[str]]:
    """A row, None if the rows cannot judge the specification; and what the run lacks for it.

    form, rule: the claim with the specification's metric and baseline, see :func:`_form`.
    """
    results.choose(specification.margin, specification.center)
    try:
        found = verdicts.finding(form, results, rule)
    except InputError:
        if specification == OWN:
            raise
        return None, set()  # no margin: the rows have no chance level in this metric
    lacking = found.recomputed.get("missing")
    missing = set(map(str, lacking)) if isinstance(lacking, list | tuple) else set()
    if specification != OWN and found.verdict == UNTESTABLE:
        return None, missing
    numbers = {name: found.recomputed.get(name) for name in ("difference", "low", "high", "n")}
    row = {
        "id": claim.id, "document": claim.document, "margin": specification.margin,
        "metric": specification.metric or claim.parameters.get("metric", ""), "baseline": specification.baseline,
        "center": specification.center, "own": specification == OWN, "verdict": found.verdict, **numbers,
    }  # fmt: skip
    return row, missing


def write(
    tables: Mapping[str, str],
    documents: Folders,
    schema: str | Path,
    confidence: float,
    output: str,
    processes: int = 1,
) -> None:
    """Writes `SENSITIVITY` of a run.

    tables: see run.view.View.read; documents: the folders of the registry; processes: see :func:`judge`.
    """
    run = Results.read(tables, confidence)
    assert isinstance(run, Results)
    rows = judge(registry.load(documents, schema), run, processes)
    results_files.write(output, results_files.table(rows, SENSITIVITY))
