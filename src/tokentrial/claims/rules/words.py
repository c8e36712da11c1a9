"""What a rule decides on, in words: sentences that several rules share, made from the parameters of an entry."""

from collections.abc import Mapping
from typing import Any

from tokentrial.claims.rules.contrasts import LOSS, PRETRAINED, Margin

METRICS = {
    LOSS: "Held-out loss", "accuracy": "Held-out accuracy",
    f"{LOSS}_high": "Held-out loss after frequent tokens", f"{LOSS}_low": "Held-out loss after rare tokens",
}  # fmt: skip
QUANTIFIED = {
    "every": "The claim needs every comparison: one that is not met refutes it.",
    "agree": "The comparisons have to agree; an undecided one leaves the claim undecided.",
}
COUNTING = "A comparison counts only where an arm learns something and not both are within the margin of the best."
BESIDE = "An arm with a comparison that does not count confirms nothing in its condition."
ARTEFACT = "If refuted although the released code shows the effect: ARTEFACT."
REPLICATION = (
    "Beside it, and deciding nothing: whether the printed value is inside the replication's prediction interval."
)


def paired(given: Mapping[str, Any]) -> str:
    """The metric, and how many seeds: ``Held-out loss, paired by seed, at least 10 seeds``."""
    metric, cells = given["metric"], [*given.get("cells", ()), *given.get("equal", ()), *given.get("larger", ())]
    pretrained = any(entry["study"].startswith(f"{PRETRAINED}/") for entry in cells)
    documents = " (with a pretrained model by held-out document, at least as many)" if pretrained else ""
    open_ = any(not entry.get("refutes", True) for entry in cells)
    undecided = "; an encoding of the pretrained model that is trained, but far from converged, refutes nothing"
    seeds = f"at least {given['seeds']} seeds{documents}{undecided if open_ else ''}"
    return f"{METRICS.get(metric, metric)}, paired by seed, {seeds}"


def margin(own: Margin | None) -> str:
    """A margin in words."""
    if own is None:
        return "the study's margin"
    if "absolute" in own:
        return f"a margin of {own['absolute']:g}"
    if "perplexity" in own:
        return f"a margin of {own['perplexity']:.0%} of perplexity"
    least = f", at least {own['least']:g}" if "least" in own else ""
    return f"a margin of {own['relative']:.0%} of the other's value{least}"


def superiority(claimed: str, of: str) -> str:
    """When a comparison is met, not met or too small. of: the margin in words."""
    return (
        f"met if Holm's p is significant and the interval lies on the claimed side ({claimed}), TOO SMALL if TOST then "
        f"puts the difference inside {of}; not met if the interval lies on the other side with Holm's p as low, or if "
        "TOST with Holm's correction puts the difference inside the margin"
    )


def maintained(of: str, strict: bool) -> str:
    """When performance is maintained or not. of: the margin in words; strict: with a corrected p of maintaining it."""
    how = " with Holm's correction" if strict else ""
    return (
        f"met if the arm is at most {of} worse (one-sided, as TOST){how}; not met if the whole interval is worse by "
        "more than that, with Holm's correction"
    )
