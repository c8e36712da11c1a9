"""Section on cramming (workflow/report/paper/cramming.typ)."""

from tokentrial.claims.verdict import INCONCLUSIVE
from tokentrial.report.cramming_names import QUESTIONS, verdict_of
from tokentrial.report.paper import vectors
from tokentrial.report.paper.context import COUNTED, Paper, Values, interval, listed, plain, table
from tokentrial.statistics.cramming import Estimate

STUDY = "cramming"


def values(paper: Paper) -> Values:
    """Every placeholder of the section."""
    return {
        "cramming.lead": lead(paper),
        "cramming.table": capacities(paper),
        "cramming.found": found(paper),
        "cramming.bits": vectors.bits(paper),
        "cramming.horizons": vectors.growth(paper),
    }


def lead(paper: Paper) -> str:
    view, ready = paper.of(STUDY), pretrained(paper)
    models = [name for name in models_of(paper) if name not in ready]
    beside = f", and into the pretrained {listed([plain(name) for name in ready])}" if ready else ""
    return (
        "The cramming paper @cramming prepends trained vectors to a text and trains nothing else until a frozen "
        "model says the text. We count a text as solved if every token is right under teacher forcing _and_ greedy "
        "decoding gives the text back. "
        f"This run crams into {paper.count(len(models), 'models of the cramming study')} models, trained here on "
        f"{plain(view.corpus)}{beside}. Token counts do not compare between tokenizers; shares of the bound do. The "
        "bound is the number of tokens that _d_ numbers of #said[16] bits can tell apart."
    )


def has_capacity(paper: Paper) -> bool:
    """Whether there is a row of @capacity."""
    kept = ("capacity", "text-test", 1, "tuned")
    return any(
        (scope.design, scope.kind, scope.vectors, scope.arm) == kept
        for scope, _ in paper.of(STUDY).estimates.each("capacity_mean")
    )


def models_of(paper: Paper) -> list[str]:
    """The models that the run crams into."""
    return list(dict.fromkeys(scope.model for scope in paper.of(STUDY).estimates.scopes if scope.kind))


def pretrained(paper: Paper) -> list[str]:
    """Those of them that were not trained here."""
    entries = paper.config[STUDY]["models"]
    return [name for name in models_of(paper) if name in entries and "train" not in entries[name]]


def capacities(paper: Paper) -> str:
    """Model by model: what one vector holds of unseen natural text."""
    view, rows = paper.of(STUDY), []
    for scope, capacity in view.estimates.each("capacity_mean"):
        if (scope.design, scope.kind, scope.vectors, scope.arm) != ("capacity", "text-test", 1, "tuned"):
            continue
        gain, use = (view.estimates.get(name, scope) for name in ("information_gain", "utilisation"))
        of = "|".join(map(str, (scope.design, scope.model, scope.kind, scope.vectors, scope.arm)))

        def ends(estimate: Estimate, measure: str, decimals: int, scale: float = 1, of: str = of) -> str:
            if estimate.value is None:
                return "–"
            factor = "" if scale == 1 else f" × {scale:g}"
            columns = {"estimate": estimate.value, "low": estimate.low, "high": estimate.high}
            shown = [
                paper.number(
                    None if value is None else scale * value, f"cramming › {measure}|{of} › {name}{factor}", decimals
                )
                for name, value in columns.items()
            ]
            return (
                shown[0] if estimate.low is None or estimate.high is None else f"{shown[0]} ({shown[1]} to {shown[2]})"
            )

        rows.append(
            [
                plain(scope.model),
                paper.number(view.estimates.fact(scope.model, "width"), f"{COUNTED}: width of {scope.model}", 0),
                paper.number(
                    view.estimates.fact(scope.model, "validation_cross_entropy"),
                    f"{COUNTED}: validation loss of {scope.model}",
                    2,
                ),
                ends(capacity, "capacity_mean", 1),
                ends(gain, "information_gain", 1),
                ends(use, "utilisation", 1, 100),
                f"{capacity.n}",
            ]
        )
    if not rows:
        return "This run has no capacity of one vector."
    header = ["Model", "Width", "Loss", "Tokens that one vector holds", "Gain, nats", "Share of the bound, %", "Texts"]
    caption = (
        "What one trained vector holds of unseen natural text, with bootstrap intervals over texts. Gain: "
        "cross-entropy of unsolved texts that the vector takes away. Loss: of the model on validation text."
    )
    return table(
        "(auto, auto, auto, 1fr, 1fr, 1fr, auto)", header, rows, caption, "capacity", "(left, " + "right, " * 6 + ")"
    )


def found(paper: Paper) -> str:
    """The study's questions, each with its verdict."""
    view = paper.of(STUDY)
    rows = {claim: row for claim in QUESTIONS if (row := verdict_of(view, claim)) is not None}
    if not rows:
        return "This run decides none of the questions."
    open_ones = [claim for claim, row in rows.items() if row["outcome"] == INCONCLUSIVE]
    small = "" if pretrained(paper) else ", whose models are far smaller than the paper's"
    decided: dict[str, list[str]] = {}
    for claim, row in rows.items():
        if row["outcome"] != INCONCLUSIVE:
            name = plain(QUESTIONS[claim].partition(") ")[2].rpartition(": ")[2])
            decided.setdefault(row["outcome"].lower(), []).append(name)
    text = "@capacity lists what one vector holds. " if has_capacity(paper) else ""
    text += (
        f"Of {paper.count(len(rows), 'questions of the cramming study')} questions of our own, "
        f"{paper.count(len(open_ones), 'questions of the cramming study, open')} stay open at this scale{small}. "
    )
    for outcome, names in decided.items():
        amount = paper.count(len(names), f"questions of the cramming study, {outcome}")
        text += f"Of the others, {amount} {'is' if len(names) == 1 else 'are'} {outcome}: {'; '.join(names)}. "
    linear = paper.recomputed("CR4-LINEAR")
    exponent = next((key for key in linear if key.startswith("exponent") and not key.endswith(("low", "high"))), "")
    if exponent:
        low, high = (paper.claim("CR4-LINEAR", f"{exponent} {end}", 2) for end in ("low", "high"))
        text += (
            "The information gain grows with the number of vectors to the power "
            f"{paper.claim('CR4-LINEAR', exponent, 2)} {interval(low, high)}. "
        )
    beside = "@figure-cramming-bound sets our models beside the published ones."
    return " ".join(part for part in (text + beside, vectors.said(paper)) if part)
