"""Values of the chapter on the cramming study (workflow/report/cramming.typ)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokentrial.claims.decisions.deciding import BEGINNINGS
from tokentrial.claims.verdict import OF_RULES
from tokentrial.cramming.cells import KINDS, NATURAL, RIGHT, STUDY, TUNED, Block, Cells
from tokentrial.published import PublishedTable
from tokentrial.report.chapters.cramming_found import (
    grid_words,
    limit_words,
    plural,
    published_words,
    scale_words,
    settings_words,
    vector_words,
)
from tokentrial.report.cramming_names import CONTROL_CLAIMS, QUESTIONS, arm_name, kind_name, verdict_of
from tokentrial.report.formats import MISSING, count, number
from tokentrial.report.template import escape
from tokentrial.run.view import View

Values = dict[str, str]
Printed = Mapping[str, PublishedTable]
NOTHING = "- This run has none of it."
PREFIXES = tuple(f"{beginning}: " for beginning in dict.fromkeys(BEGINNINGS.values()))


def values(view: View, config: Mapping[str, Any], printed: Printed) -> Values:
    """Every placeholder of the chapter; view: the study's results alone; printed: every table of the documents."""
    study = config["cramming"]
    cells = Cells(view.runs, view.conditions, view.methods, study["models"], bool(study["predict_first"]))
    quotes = printed["cramming-claims"].quotes
    return {
        "claim.ratio": escape(quotes[1]),
        "claim.uncertainty": escape(quotes[2]),
        "claim.vectors": escape(quotes[3].rstrip(".")),
        "protocol.first": "predicted too" if study["predict_first"] else "given and not predicted, as in the paper",
        "protocol.models": ",\n    ".join(model_rows(view, study)),
        "protocol.designs": ",\n    ".join(design_rows(view, study)),
        "protocol.settings": escape(" ".join(setting_words(view, study))),
        "found.tally": escape(tally(view)),
        "found.claims": listed(claim_words(view, QUESTIONS)),
        "found.controls": listed(claim_words(view, CONTROL_CLAIMS)),
        "found.example": escape(example(view, cells)),
        "found.exact": listed(exact_words(cells)),
        "found.limits": listed(limit_words(view)),
        "found.vectors": listed(vector_words(view, printed)),
        "found.settings": listed(settings_words(view, cells)),
        "found.published": listed(published_words(view, cells, printed)),
        "limits.scale": escape(scale_words(view, cells, printed)),
        "limits.grid": escape(grid_words(view)),
        "corpus.title": escape(view.corpus),
        "limits.device": escape("; ".join(sorted(view.arms["device"].unique())) or "not known"),
    }


def listed(sentences: Iterable[str]) -> str:
    """Sentences as a Typst list."""
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences) or NOTHING


def cells_of(row: Sequence[str]) -> str:
    return ", ".join(f"[{escape(cell)}]" for cell in row)


def model_rows(view: View, study: Mapping[str, Any]) -> Iterator[str]:
    """A Typst table row per model: where it is from, its size and how good it is."""
    for model in dict.fromkeys(scope.model for scope in view.estimates.scopes):
        entry = study["models"].get(model, {})
        source = entry.get("train", {}).get("architecture") or next(
            (k for k in ("folder", "hub") if k in entry), MISSING
        )
        facts = {
            name: view.estimates.fact(model, name)
            for name in ("width", "layers", "parameters", "vocab_size", "context")
        }
        metrics = ("cross_entropy", "bits_per_byte")
        losses = [
            view.estimates.fact(model, f"{split}_{metric}") for split in ("validation", "test") for metric in metrics
        ]
        yield cells_of([model, source, *map(count, facts.values()), *(number(loss, 3) for loss in losses)])


def design_rows(view: View, study: Mapping[str, Any]) -> Iterator[str]:
    """A Typst table row per design: models, kinds, lengths, vectors, settings and controls, texts."""
    for design in dict.fromkeys(scope.design for scope in view.estimates.scopes):
        scopes = [scope for scope in view.estimates.scopes if scope.design == design]
        models = dict.fromkeys(scope.model for scope in scopes)
        kinds = dict.fromkeys(kind_name(scope.kind) for scope in scopes)
        by_vector = study["experiments"].get(design, {}).get("per_vector", False)
        run = [(scope, n) for scope in scopes for n in view.estimates.lengths(scope)]
        lengths = {n // (scope.vectors or 1) if by_vector else n for scope, n in run}
        texts = {view.estimates.get("accuracy", scope, n).n for scope, n in run}
        yield cells_of(
            [
                design,
                ", ".join(models),
                ", ".join(kinds) if len(kinds) < 3 else f"{len(kinds)} kinds",
                ", ".join(f"{n:g}" for n in sorted(lengths)) + (" for each vector" if by_vector else ""),
                ", ".join(f"{m:g}" for m in sorted({scope.vectors or 1 for scope in scopes})),
                ", ".join(dict.fromkeys(arm_name(view, scope.arm) for scope in scopes)),
                f"{min(texts):g}" if len(texts) == 1 else f"{min(texts):g} to {max(texts):g}",
            ]
        )


def setting_words(view: View, study: Mapping[str, Any]) -> Iterator[str]:
    """The optimiser of every arm that was run."""
    for arm, options in study["settings"].items():
        if any(scope.arm == arm for scope in view.estimates.scopes):
            rate = f"rate {options['learning_rate']:g}"
            rate += " times the standard deviation of the embedding table" if options["relative"] else ""
            patience = options["patience"]
            given_up = "" if patience is None else f", given up after {patience:,} without a better accuracy"
            betas = " and ".join(f"{beta:g}" for beta in options["betas"])
            words = f"{rate}, {options['schedule']}, betas {betas}, decay {options['weight_decay']:g}"
            yield f"{arm_name(view, arm).capitalize()}: AdamW, {words}, up to {options['steps']:,} steps{given_up}."


# The decisions


def tally(view: View) -> str:
    """How the six questions ended."""
    outcomes = [row["outcome"] for claim in QUESTIONS if (row := verdict_of(view, claim)) is not None]
    if not outcomes:
        return "This run decides none of the questions (a) to (f)."
    parts = [f"{outcomes.count(outcome)} {outcome}" for outcome in OF_RULES if outcome in outcomes]
    return f"Of the {len(outcomes)} questions (a) to (f): {', '.join(parts)}."


def claim_words(view: View, titles: Mapping[str, str]) -> Iterator[str]:
    """Claim, verdict and its reason with the numbers; titles: by claim."""
    for claim, title in titles.items():
        row = verdict_of(view, claim)
        if row is not None:
            reason = str(row["reason"])
            for prefix in PREFIXES:
                reason = reason.removeprefix(prefix)
            yield f"{title}: {row['outcome']}. {reason[0].upper()}{reason[1:]}"


# Exact recovery


class Recovered(NamedTuple):
    """A text that greedy decoding gave back exactly."""

    block: Block
    length: int
    row: int


def optimised(cells: Cells, model: str, vectors: int = 1) -> list[Block]:
    return [block for block in cells.optimised if (block.key.model, block.key.vectors) == (model, vectors)]


def largest(cells: Cells) -> str | None:
    """The trained model of the greatest width, then of the most parameters, with one vector."""

    def size(model: str) -> tuple[float, float]:
        facts = cells.about(model)
        return facts.get("width", 0.0), facts.get("parameters", 0.0)

    return max((model for model in cells.trained if optimised(cells, model)), key=size, default=None)


def longest(blocks: Iterable[Block]) -> Recovered | None:
    """The longest text decoded exactly; of equally long ones natural text, then the lowest index."""
    recovered = []
    for block in blocks:
        for row, place in np.argwhere(block.solved == 1):
            kind = KINDS.index(block.key.kind) if block.key.kind in KINDS else len(KINDS)
            order = (-block.lengths[place], kind, block.indexes[row])
            recovered.append((order, Recovered(block, int(block.lengths[place]), int(row))))
    return min(recovered, key=lambda each: each[0])[1] if recovered else None


def example(view: View, cells: Cells) -> str:
    """The longest exact recovery of the largest model, with where its rows are."""
    model = largest(cells)
    if model is None:
        return "This run has no trained model with one optimised vector."
    recovered = longest(optimised(cells, model))
    facts = cells.about(model)
    loss = facts.get("validation_cross_entropy")
    name = f"{model} (width {count(facts.get('width'))}, validation loss {number(loss, 2)})"
    if recovered is None:
        return f"No text was decoded exactly from one vector of {name}."
    block, length, row = recovered
    place, text = int(np.flatnonzero(block.lengths == length)[0]), block.indexes[row]
    step = block.metric("solved_step")[row, place]
    predicted = length - block.given
    first = " after the given first one" if block.given else ""
    key = block.key
    of = {"experiment": key.design, "model": model, "kind": key.kind, "length": length, "vectors": 1}
    [condition] = view.select(study=STUDY, **of)
    known = "" if np.isnan(step) else f", found after {step:.0f} steps"
    costs = [number(value[row, place], 1) for value in (block.entropy, block.entropy_with)]
    return (
        f"{name}: text {text} of the {kind_name(key.kind)}, {length} tokens long. From one vector{known} "
        f"({arm_name(view, key.arm)} settings), greedy decoding, each token fed back, gives all "
        f"{plural(predicted, 'token')}{first}. They cost the model {costs[0]} nats without the vector and {costs[1]} "
        f"with it. Rows: condition {condition.id}, seed {text}, arm {key.arm}."
    )


def exact_words(cells: Cells) -> Iterator[str]:
    """The longest exact recovery of natural text by model, and what teacher forcing is worth."""
    for model in cells.models:
        blocks = [block for block in optimised(cells, model) if (block.key.kind, block.key.arm) == (NATURAL, TUNED)]
        recovered = longest(blocks)
        if recovered is not None:
            solved = recovered.block.solved[:, recovered.block.lengths == recovered.length]
            texts = f"{int(np.nansum(solved))} of {int((~np.isnan(solved)).sum())} texts"
            length = f"{recovered.length} tokens ({texts})"
            yield f"{model}, one vector, unseen natural text: decoded exactly up to {length}."
        elif blocks:
            yield f"{model}, one vector, unseen natural text: no text is decoded exactly at any length."
    right = exact = nearly = 0
    for block in cells.optimised:
        accuracy, greedy = block.values["accuracy"], block.metric("greedy_exact")
        right += int((accuracy >= RIGHT).sum())
        exact += int(((accuracy >= RIGHT) & (greedy >= 1)).sum())
        nearly += int(((accuracy >= 0.99) & (accuracy < RIGHT)).sum())
    if right:
        yield (
            f"Of {plural(right, 'optimised text')} right throughout under teacher forcing, {exact:,} are decoded "
            f"exactly; {nearly:,} more have an accuracy of at least the paper's threshold without being right "
            "throughout."
        )
