"""Values of the chapter on the cramming study (workflow/report/cramming.typ)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokentrial.cramming.cells import KINDS, NATURAL, RIGHT, TUNED, Block, Cells
from tokentrial.cramming.criteria import INCONCLUSIVE, REFUTED, SUPPORTED
from tokentrial.report.chapters.cramming_found import (
    grid_words,
    limit_words,
    plural,
    published_words,
    scale_words,
    setting_name,
    settings_words,
    vector_words,
)
from tokentrial.report.formats import MISSING, count, number
from tokentrial.report.published import PublishedTable, load
from tokentrial.report.tables.cramming_decided import CLAIMS, VERDICT
from tokentrial.report.tables.cramming_rows import (
    CONTROL,
    Lookup,
    Row,
    kind_name,
)
from tokentrial.report.tables.rows import Results
from tokentrial.report.template import escape

Values = dict[str, str]
Printed = Mapping[str, PublishedTable]
LETTERS = ("a", "b", "c", "d", "e", "f")
NOTHING = "- This run has none of it."
PREFIXES = ("Supported: ", "Refuted: ", "Not decided: ")


def values(found: Results, config: Mapping[str, Any], published: str) -> Values:
    """Every placeholder of the chapter; found: the study's results; published: what document 004 reports."""
    look, printed = Lookup(found), load(published)
    study = config["cramming"]
    cells = Cells(found.runs, study["models"], bool(study["predict_first"]))
    quotes = printed["cramming-claims"].quotes
    return {
        "claim.ratio": escape(quotes[1]),
        "claim.uncertainty": escape(quotes[2]),
        "claim.vectors": escape(quotes[3].rstrip(".")),
        "protocol.first": "predicted too" if study["predict_first"] else "given and not predicted, as in the paper",
        "protocol.models": ",\n    ".join(model_rows(look, study)),
        "protocol.designs": ",\n    ".join(design_rows(look, study)),
        "protocol.settings": escape(" ".join(setting_words(look, study))),
        "found.tally": escape(tally(look)),
        "found.claims": listed(claim_words(look, LETTERS)),
        "found.controls": listed(claim_words(look, [name for name in CLAIMS if name.startswith(CONTROL)])),
        "found.example": escape(example(look, cells)),
        "found.exact": listed(exact_words(cells)),
        "found.limits": listed(limit_words(look)),
        "found.vectors": listed(vector_words(look, printed)),
        "found.settings": listed(settings_words(look, cells)),
        "found.published": listed(published_words(look, cells, printed)),
        "limits.scale": escape(scale_words(look, cells, printed)),
        "limits.grid": escape(grid_words(look)),
        "corpus.title": escape(found.corpus),
        "limits.device": escape("; ".join(sorted(found.arms["device"].unique())) or "not known"),
    }


def listed(sentences: Iterable[str]) -> str:
    """Sentences as a Typst list."""
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences) or NOTHING


def cells_of(row: Sequence[str]) -> str:
    return ", ".join(f"[{escape(cell)}]" for cell in row)


def model_rows(look: Lookup, study: Mapping[str, Any]) -> Iterator[str]:
    """A Typst table row per model: where it is from, its size and how good it is."""
    for model in dict.fromkeys(cell.model for cell in look.cells):
        cell = next(cell for cell in look.cells if cell.model == model)
        entry = study["models"].get(model, {})
        source = entry.get("train", {}).get("architecture") or next(
            (k for k in ("folder", "hub") if k in entry), MISSING
        )
        facts = {name: look.fact(cell, name) for name in ("width", "layers", "parameters", "vocab_size", "context")}
        metrics = ("cross_entropy", "bits_per_byte")
        losses = [look.fact(cell, f"{split}_{metric}") for split in ("validation", "test") for metric in metrics]
        yield cells_of([model, source, *map(count, facts.values()), *(number(loss, 3) for loss in losses)])


def design_rows(look: Lookup, study: Mapping[str, Any]) -> Iterator[str]:
    """A Typst table row per design: models, kinds, lengths, vectors, settings and controls, texts."""
    for design in dict.fromkeys(cell.design for cell in look.cells):
        own = [cell for cell in look.cells if cell.design == design]
        models = dict.fromkeys(cell.model for cell in own)
        kinds = dict.fromkeys(kind_name(cell.kind) for cell in own)
        by_vector = study["studies"].get(design, {}).get("per_vector", False)
        lengths = {n // (cell.vectors or 1) if by_vector else n for cell in own for n in look.lengths(cell)}
        texts = {look.row("accuracy", cell, n).get("n") or 0 for cell in own for n in look.lengths(cell)}
        yield cells_of(
            [
                design,
                ", ".join(models),
                ", ".join(kinds) if len(kinds) < 3 else f"{len(kinds)} kinds",
                ", ".join(f"{n:g}" for n in sorted(lengths)) + (" for each vector" if by_vector else ""),
                ", ".join(f"{m:g}" for m in sorted({cell.vectors or 1 for cell in own})),
                ", ".join(dict.fromkeys(setting_name(cell.arm) for cell in own)),
                f"{min(texts):g}" if len(texts) == 1 else f"{min(texts):g} to {max(texts):g}",
            ]
        )


def setting_words(look: Lookup, study: Mapping[str, Any]) -> Iterator[str]:
    """The optimiser of every arm that was run."""
    for arm, options in study["settings"].items():
        if any(cell.arm == arm for cell in look.cells):
            rate = f"rate {options['learning_rate']:g}"
            rate += " times the standard deviation of the embedding table" if options["relative"] else ""
            patience = options["patience"]
            given_up = "" if patience is None else f", given up after {patience:,} without a better accuracy"
            betas = " and ".join(f"{beta:g}" for beta in options["betas"])
            words = f"{rate}, {options['schedule']}, betas {betas}, decay {options['weight_decay']:g}"
            yield f"{setting_name(arm).capitalize()}: AdamW, {words}, up to {options['steps']:,} steps{given_up}."


# The decisions


def verdict_of(look: Lookup, claim: str) -> Row | None:
    rows = (row for row in look.decisions if (row["claim"], row["quantity"], row["model"]) == (claim, VERDICT, "all"))
    return next(rows, None)


def tally(look: Lookup) -> str:
    """How the six claims ended."""
    found = [row["outcome"] for claim in LETTERS if (row := verdict_of(look, claim)) is not None]
    if not found:
        return "This run decides none of the claims (a) to (f)."
    parts = [f"{found.count(outcome)} {outcome}" for outcome in (SUPPORTED, REFUTED, INCONCLUSIVE)]
    return f"Of the {len(found)} claims (a) to (f): {', '.join(parts)}."


def claim_words(look: Lookup, claims: Iterable[str]) -> Iterator[str]:
    """Claim, verdict and its reason with the numbers."""
    for claim in claims:
        row = verdict_of(look, claim)
        if row is not None:
            reason = str(row["reason"])
            for prefix in PREFIXES:
                reason = reason.removeprefix(prefix)
            yield f"{CLAIMS[claim].removeprefix('control: ')}: {row['outcome']}. {reason[0].upper()}{reason[1:]}"


# Exact recovery


class Recovered(NamedTuple):
    """A text that greedy decoding gave back exactly."""

    block: Block
    length: int
    text: int


def optimised(cells: Cells, model: str, vectors: int = 1) -> list[Block]:
    kept = (block for block in cells.blocks if not block.key.arm.startswith(CONTROL))
    return [block for block in kept if (block.key.model, block.key.vectors) == (model, vectors)]


def largest(look: Lookup, cells: Cells) -> str | None:
    """The trained model of the greatest width, then of the most parameters, with one vector."""

    def size(model: str) -> tuple[float, float]:
        facts = cells.about(model)
        return facts.get("width", 0.0), facts.get("parameters", 0.0)

    return max((model for model in cells.trained if optimised(cells, model)), key=size, default=None)


def longest(blocks: Iterable[Block]) -> Recovered | None:
    """The longest text decoded exactly; of equally long ones natural text, then the lowest index."""
    found = []
    for block in blocks:
        for text, place in np.argwhere(block.solved == 1):
            kind = KINDS.index(block.key.kind) if block.key.kind in KINDS else len(KINDS)
            found.append(((-block.lengths[place], kind, text), Recovered(block, int(block.lengths[place]), int(text))))
    return min(found, key=lambda each: each[0])[1] if found else None


def example(look: Lookup, cells: Cells) -> str:
    """The longest exact recovery of the largest model, with where its rows are."""
    model = largest(look, cells)
    if model is None:
        return "This run has no trained model with one optimised vector."
    found = longest(optimised(cells, model))
    facts = cells.about(model)
    loss = facts.get("validation_cross_entropy")
    name = f"{model} (width {count(facts.get('width'))}, validation loss {number(loss, 2)})"
    if found is None:
        return f"No text was decoded exactly from one vector of {name}."
    block, length, text = found
    place = int(np.flatnonzero(block.lengths == length)[0])
    step = block.metric("solved_step")[text, place]
    predicted = length - block.given
    first = " after the given first one" if block.given else ""
    key = block.key
    known = "" if np.isnan(step) else f", found after {step:.0f} steps"
    costs = [number(value[text, place], 1) for value in (block.entropy, block.entropy_with)]
    return (
        f"{name}: text {text} of the {kind_name(key.kind)}, {length} tokens long. From one vector{known} "
        f"({setting_name(key.arm)} settings), greedy decoding, each token fed back, gives all "
        f"{plural(predicted, 'token')}{first}. They cost the model {costs[0]} nats without the vector and {costs[1]} "
        f"with it. Rows: condition cramming/{key.design}/{model}/{key.kind}/n-{length}-m-1, seed {text}, arm {key.arm}."
    )


def exact_words(cells: Cells) -> Iterator[str]:
    """The longest exact recovery of natural text by model, and what teacher forcing is worth."""
    for model in cells.models:
        blocks = [block for block in optimised(cells, model) if (block.key.kind, block.key.arm) == (NATURAL, TUNED)]
        found = longest(blocks)
        if found is not None:
            solved = found.block.solved[:, found.block.lengths == found.length]
            texts = f"{int(np.nansum(solved))} of {int((~np.isnan(solved)).sum())} texts"
            yield f"{model}, one vector, unseen natural text: decoded exactly up to {found.length} tokens ({texts})."
        elif blocks:
            yield f"{model}, one vector, unseen natural text: no text is decoded exactly at any length."
    right = exact = nearly = 0
    for block in cells.blocks:
        if not block.key.arm.startswith(CONTROL):
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
