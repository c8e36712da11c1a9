"""What the report says about all verdicts: counts, the order of consequence, the audit's questions, the replications.

Everything here is a pure function of the rows of results/verdicts.parquet (one per claim, claims.verdict.VERDICTS).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tokentrial import results
from tokentrial.claims import verdict as words
from tokentrial.documents import CROSS
from tokentrial.report import catalogue

EMPIRICAL = "empirical"

HOLDS = (words.CONSISTENT, words.CONFIRMED)
FAILS = (words.INCONSISTENT, words.REFUTED, words.ARTEFACT)
BETWEEN = (words.PARTLY, words.TOO_SMALL)
UNDECIDED = (words.INCONCLUSIVE,)
NOT_DECIDABLE = (words.NOT_CHECKABLE, words.UNTESTABLE)
MARKS = {
    words.CONSISTENT: "●",
    words.CONFIRMED: "●",
    words.PARTLY: "◆",
    words.TOO_SMALL: "▼",
    words.INCONSISTENT: "✖",
    words.REFUTED: "✖",
    words.ARTEFACT: "▲",
    words.INCONCLUSIVE: "◇",
    words.NOT_CHECKABLE: "○",
    words.UNTESTABLE: "○",
}
"""A sign beside the word of a verdict, so that no meaning rests on colour."""

HEADLINE = re.compile(r"title|abstract|tagline|summary|key results|breakthrough|conclusion", re.IGNORECASE)
KIND_ORDER = (EMPIRICAL, "statistical", "arithmetic", "internal", "scope", words.AUDIT)


# The audit's questions, and the checks that answer each.
QUESTIONS = {
    "impossible": (
        *("accuracy_ceiling", "entropy_floor", "attainable_means", "attainable_spreads"),
        *("affine_counts", "parameter_count", "rows_covered"),
    ),
    "chance": ("learned", "vocabulary_fits", "entropy_reached"),
    "evidence": (
        *("effect_size", "p_of_effects", "p_of_rows", "p_of_statistic", "possible_p", "decisions", "equivalence"),
        *("corrected_decisions", "bonferroni_adjusted", "significant_count", "significant_share", "enough_runs"),
        *("superior", "performance_kept"),
    ),
    "intervals": ("interval_of_rows", "efficiency_interval", "mean_of_rows", "efficiency_mean"),
    "contradictions": (
        *("agreement", "rows_agree", "same_statement", "coverage_count", "number_listed", "range_ends"),
        *("within_range", "within_band", "open_range", "spread_of_values", "wins", "largest_is", "bound"),
        *("advantage_count", "monotone", "exponential", "signs"),
    ),
    "arithmetic": (
        *("difference", "quotient", "quotients", "saving", "saving_at_ratio", "improvement", "product"),
        *("reduction", "total", "share", "orders_of_magnitude"),
    ),
    "support": ("coverage",),
    "scope": (
        *("embedding_share", "model_saving", "net_saving", "deployed_saving", "sequence_memory"),
        *("context_factor", "compressed_width", "capacity", "code_room", "capacity_gap", "before_deadlines"),
        "one_hot_information",
    ),
    "silent": ("not_checkable",),
}
FURTHER = "further"
"""The question of a check that no other one lists."""


def read(path: str | Path) -> pd.DataFrame:
    """All verdicts, a claim a row. Raises InputError that names the file and what is wrong with it."""
    found: pd.DataFrame = results.read(path, words.VERDICTS).to_pandas()
    return found


def group(document: str) -> str:
    """The document's own name, or `documents.CROSS` for a claim about several (``000 + 001``)."""
    return CROSS if " + " in document else document


def of(verdicts: pd.DataFrame, name: str) -> pd.DataFrame:
    """The claims of one document, or those across documents, in the registry's order."""
    return verdicts[verdicts["document"].map(group) == name]


def counted(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Claims by document (of several: `documents.CROSS`), kind and verdict: columns document, kind, verdict, n."""
    groups = verdicts.assign(document=verdicts["document"].map(group))
    sizes = groups.groupby(["document", "kind", "verdict"], sort=False).size().rename("n").reset_index()
    order = [catalogue.among(groups["document"]), words.KINDS, words.OF_CHECKS + words.OF_RULES]
    keys = [
        sizes[name].map(list(known).index) for name, known in zip(("document", "kind", "verdict"), order, strict=True)
    ]
    return sizes.iloc[pd.concat(keys, axis=1).sort_values(["document", "kind", "verdict"]).index].reset_index(drop=True)


def tally(verdicts: pd.DataFrame) -> str:
    """``3 CONSISTENT, 1 PARTLY and 2 INCONSISTENT``: the verdicts that occur, in the schema's order."""
    sizes = verdicts["verdict"].value_counts()
    return words.listed([f"{sizes[word]} {word}" for word in words.OF_CHECKS + words.OF_RULES if word in sizes])


def places(section: str) -> list[str]:
    """The places in which a claim stands: ``Abstract; §5.1 vs §5.2`` has three."""
    return [place.strip() for place in re.split(r";|,| vs ", section) if place.strip()]


def is_headline(document: str, section: str) -> bool:
    """Whether a claim stands in a title, abstract, summary, list of key results or conclusion."""
    conclusion = catalogue.conclusions().get(document, "")
    return any(HEADLINE.search(place) or (conclusion and place.startswith(conclusion)) for place in places(section))


def consequence(claim: Mapping[Any, Any]) -> tuple[int, int, int, int, str]:
    """The sort key of a claim, most consequential first.

    In this order: headline claims; then decided before half-way before undecided verdicts, whichever way they went;
    then what a run decided before statistics, arithmetic, internal agreement and scope; then claims that stand in more
    places; then the id.
    """
    verdict = str(claim["verdict"])
    decided = next(k for k, among in enumerate((HOLDS + FAILS, BETWEEN, UNDECIDED + NOT_DECIDABLE)) if verdict in among)
    section = str(claim["section"])
    headline = is_headline(str(claim["document"]), section)
    kind = KIND_ORDER.index(str(claim["kind"]))
    return (0 if headline else 1, decided, kind, -len(places(section)), str(claim["id"]))


def consequential(verdicts: pd.DataFrame, number: int = 12) -> pd.DataFrame:
    """The ``number`` most consequential findings, those of a document together.

    Every document, and the claims across documents, gives the first claim that holds and the first that does not, in
    the order of `consequence`; places that stay free go to the next claims of any document. Claims that nothing can
    decide, and audit findings, are left out. What holds is thus shown as readily as what does not.
    """
    decidable = verdicts[~verdicts["verdict"].isin(NOT_DECIDABLE) & (verdicts["kind"] != words.AUDIT)]
    order = sorted(decidable.to_dict("records"), key=consequence)
    first: dict[tuple[str, bool], str] = {}
    for claim in order:
        if claim["verdict"] in HOLDS + FAILS:
            first.setdefault((group(str(claim["document"])), claim["verdict"] in HOLDS), str(claim["id"]))
    spread = [str(claim["id"]) for claim in order if claim["id"] in first.values()]
    rest = [str(claim["id"]) for claim in order if claim["id"] not in first.values()]
    chosen = [*spread, *rest][:number]
    found = verdicts[verdicts["id"].isin(chosen)]
    names = list(catalogue.among(verdicts["document"].map(group)))
    keys = [(names.index(group(str(row["document"]))), consequence(row)) for row in found.to_dict("records")]
    return found.iloc[sorted(range(len(found)), key=lambda k: keys[k])]


def question(check: str, parameters: str) -> str:
    """The audit's question that a check answers; one of several parts answers the first question that any part does."""
    names = [check]
    if check == "several":
        names = [str(part["check"]) for part in json.loads(parameters)["parts"]]
    return next((key for key, asked in QUESTIONS.items() if set(names) & set(asked)), FURTHER)


def audited(verdicts: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Question -> the claims that checks alone decide, in the registry's order; empty where none asks it."""
    checked = verdicts[verdicts["kind"] != EMPIRICAL]
    keys = [question(*pair) for pair in zip(checked["check"], checked["parameters"], strict=True)]
    asked = checked.assign(question=keys)
    return {key: asked[asked["question"] == key] for key in (*QUESTIONS, FURTHER)}


def decisions(verdicts: pd.DataFrame) -> pd.DataFrame:
    """One row per rule in words: columns decision, fixed, claims (their ids), verdicts (`tally`), n.

    Those fixed before the run come first, the commonest first among each.
    """
    empirical = verdicts[verdicts["kind"] == EMPIRICAL]
    rows = [
        {"decision": text, "fixed": when, "claims": ", ".join(mine["id"]), "verdicts": tally(mine), "n": len(mine)}
        for (when, text), mine in empirical.groupby(["fixed", "decision"], sort=False)
    ]
    found = pd.DataFrame(rows, columns=["decision", "fixed", "claims", "verdicts", "n"])
    order = found.sort_values(["fixed", "n"], ascending=[False, False], kind="stable")
    return order.reset_index(drop=True)


REPLICATION = (
    *("original_difference", "original_n", "difference", "low", "high", "n"),
    *("prediction_low", "prediction_high", "in_prediction_interval"),
    *("d33", "telescopes_high", "too_small_for_original", "opposite_sign", "bayes_factor", "sceptical_p"),
    *("p_tost", "margin", "minimal_detectable"),
)
"""Names of ``recomputed`` that the table of replications shows (claims.rules.replicated and claims.rules.outcomes)."""
MEASURED = ("difference", "low", "high", "n", "margin", "p_tost", "minimal_detectable")
"""Those that are of one comparison, whichever a row is about."""
_STATISTICS = ("prediction_low", "d33", "bayes_factor", "sceptical_p", "p_tost", "minimal_detectable")


def replications(verdicts: pd.DataFrame) -> pd.DataFrame:
    """One row per empirical claim with at least one replication statistic: id, document, verdict, shown, metric, then
    `REPLICATION` (null where undefined).

    All of a row is about one comparison: the one that the original is compared with, if there is an original, else the
    one that the verdict shows.
    """
    rows = []
    for claim in verdicts[verdicts["kind"] == EMPIRICAL].to_dict("records"):
        found = json.loads(claim["recomputed"])
        if any(found.get(name) is not None for name in _STATISTICS):
            head = {name: claim[name] for name in ("id", "document", "verdict")}
            if found.get("replicated_at") is not None:
                found |= {name: found[f"replication_{name}"] for name in MEASURED}
                found["shown"] = found["replicated_at"]
            rows.append(head | {name: found.get(name) for name in ("shown", "metric", *REPLICATION)})
    return pd.DataFrame(rows, columns=["id", "document", "verdict", "shown", "metric", *REPLICATION], dtype=object)


def named(values: Mapping[str, Any], most: int | None = None, longest: int | None = None) -> str:
    """``learned 0.083; runs 3``: names and values, at most ``most`` of them and ``longest`` entries of a list."""
    parts = list(_parts(values, longest))
    left = 0 if most is None else len(parts) - most
    return "; ".join(parts if left <= 0 else [*parts[:most], f"and {left} more"])


def _parts(values: Mapping[str, Any], longest: int | None) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, list):
            kept: Sequence[Any] = value[:longest] if longest else value
            entries = [plain(entry) for entry in kept]
            text = ", ".join([*entries, *(["…"] if len(kept) < len(value) else [])]) or "none"
        else:
            text = plain(value)
        yield f"{name.replace('_', ' ')} {text}"


def plain(value: Any) -> str:
    """A number with four significant digits, a truth value as yes or no, text as it is, nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.4g}".replace("-", "−")
    if isinstance(value, int | float):
        return f"{int(value):,}".replace("-", "−")
    return str(value)
