"""The tables of the cramming study, in the report's order; here: models, kinds of text, numbers of vectors."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from tokentrial.report import formats
from tokentrial.report.formats import MISSING, Section, Table, count, number
from tokentrial.report.published import PublishedTable
from tokentrial.report.published import number as value_of
from tokentrial.report.tables import cramming_decided, cramming_listings, rows
from tokentrial.report.tables.cramming_rows import (
    CONTROL,
    NATURAL,
    Cell,
    Lookup,
    Row,
    arm_name,
    in_words,
    kind_name,
    notes_on_gains,
    notes_on_lengths,
    numeric,
    printed_cell,
    shown,
    source_of,
    table,
)
from tokentrial.statistics.cramming_scaling import power_exponent

MODEL_MEASURES = (
    *("capacity", "n_max", "token_gain", "information_gain", "information_gain_strict"),
    *("theoretical_capacity", "utilisation", "bits_per_dimension"),
)
FACTS = ("width", "layers", "validation_cross_entropy")
KIND_MEASURES = ("capacity", "n_max", "token_gain", "information_gain", "information_gain_strict", "gain_ratio")
VECTOR_MEASURES = (
    *("capacity", "n_max", "token_gain", "information_gain", "information_gain_strict"),
    *("information_gain_per_vector", "theoretical_capacity"),
)
# the paper's texts -> the suffix of their columns
TEXTS = {"PG-19": "", "fan fiction": "_fan", "random words": "_random"}


def build(found: rows.Results, printed: dict[str, PublishedTable]) -> Iterator[formats.Table]:
    """Every table of the study; found: its results alone; printed: config/published/cramming.yaml."""
    look = Lookup(found)
    yield cramming_decided.decisions(look)
    yield cramming_decided.criteria(look)
    yield models(look, printed)
    yield kinds(look)
    yield cramming_listings.entropy(look)
    yield vectors(look, printed)
    yield cramming_listings.settings(look)
    yield cramming_listings.controls(look)
    yield cramming_listings.lengths(look)
    yield cramming_decided.consistency(printed)


def models(look: Lookup, printed: Mapping[str, PublishedTable]) -> Table:
    """Table 1's layout: one vector by model, ours by kind of text, then the paper's by text."""
    made: list[Row] = []
    sections: list[Section] = []
    for kind in (NATURAL, "random-words"):
        cells = look.widest(kind)
        own = [_model_raw(look, cell) for cell in cells]
        made += own
        if cells:
            heading = f"This run: {kind_name(kind)}"
            sections.append(Section(heading, pd.DataFrame([_model_shown(look, cell) for cell in cells])))
    published = printed["cramming-models"]
    for text, suffix in TEXTS.items():
        chosen = {name: row for name, row in published.rows.items() if row[f"capacity{suffix}"]}
        made += [_published_raw(name, row, text, suffix) for name, row in chosen.items()]
        shown_rows = [_published_shown(row, printed["cramming-bits"].rows[n], suffix) for n, row in chosen.items()]
        sections.append(Section(f"Published: {text}", pd.DataFrame(shown_rows)))
    notes = (
        notes_on_lengths(look),
        f"{notes_on_gains()} Bound: 16 d / log2 V tokens; used: token gain over bound. Bits/dim: information gain in "
        "bits for each number of the vector. Validation loss in nats per token of the model's own vocabulary: it does "
        "not compare between tokenizers.",
        f"{source_of(published)} Its bits/dim are derived.",
    )
    return table(look, "cramming-models", pd.DataFrame(made), sections, notes, "Source")


def _model_raw(look: Lookup, cell: Cell) -> Row:
    identity = {"source": "this run", "model": cell.model, "text": cell.kind, "design": cell.design}
    n = look.row("capacity", cell).get("n")
    return {**identity, "n": n, **{name: look.fact(cell, name) for name in FACTS}, **look.raw(MODEL_MEASURES, cell)}


def _model_shown(look: Lookup, cell: Cell) -> dict[str, str]:
    width, layers, loss = (look.fact(cell, name) for name in FACTS)
    decimals = dict.fromkeys(MODEL_MEASURES, 1) | {"capacity": 0, "theoretical_capacity": 0}
    decimals |= {"utilisation": 3, "bits_per_dimension": 2}
    found = {name: shown(look.row(name, cell), places) for name, places in decimals.items()}
    return {
        "Model": cell.model,
        "d": count(width),
        "Layers": count(layers),
        "Val.\nloss": number(loss, 3),
        "Capacity": found["capacity"],
        "N max": found["n_max"],
        "Token\ngain": found["token_gain"],
        "Info. gain": found["information_gain"],
        "Bound": found["theoretical_capacity"],
        "Used": found["utilisation"],
        "Bits/dim": found["bits_per_dimension"],
    }


def _published_raw(name: str, row: Mapping[str, str], text: str, suffix: str) -> Row:
    values = numeric(row, [f"{part}{suffix}" for part in ("capacity", "token_gain", "information_gain")])
    made: Row = {"source": "published", "model": name, "text": text, "width": value_of(row["width"])}
    made |= {part.removesuffix(suffix): value for part, value in values.items()}
    used = row.get(f"utilisation{suffix}")
    return made | {"theoretical_capacity": value_of(row["bound"]), "utilisation": value_of(used) if used else None}


def _published_shown(row: Mapping[str, str], bits: Mapping[str, str], suffix: str) -> dict[str, str]:
    return {
        "Model": row["label"],
        "d": row["width"],
        "Layers": MISSING,
        "Val.\nloss": MISSING,
        "Capacity": printed_cell(row[f"capacity{suffix}"]),
        "N max": MISSING,
        "Token\ngain": printed_cell(row[f"token_gain{suffix}"]),
        "Info. gain": printed_cell(row[f"information_gain{suffix}"]),
        "Bound": row["bound"],
        "Used": printed_cell(row.get(f"utilisation{suffix}", "")),
        "Bits/dim": MISSING if suffix else bits["bits"],
    }


def kinds(look: Lookup) -> Table:
    """Models that were run with several kinds of text."""
    made: list[Row] = []
    sections: list[Section] = []
    for group in look.groups:
        cells = [cell for cell in look.cells if cell._replace(kind="all") == group]
        longest = max((n for cell in cells for n in look.lengths(cell)), default=None)
        own, texts = [], []
        for cell in cells:
            entropy = look.row("entropy", cell, longest)
            own.append(
                _place(cell) | look.raw(KIND_MEASURES, cell) | {"longest": longest, "entropy": entropy.get("estimate")}
            )
            texts.append(
                {
                    "Text": kind_name(cell.kind),
                    "n": count(look.row("capacity", cell).get("n")),
                    f"H at\nN = {longest}": shown(entropy),
                    "Capacity": shown(look.row("capacity", cell), 0),
                    "N max": shown(look.row("n_max", cell)),
                    "Token\ngain": shown(look.row("token_gain", cell)),
                    "Info. gain": shown(look.row("information_gain", cell)),
                    "Strict gain": shown(look.row("information_gain_strict", cell)),
                    "Gain over\nnatural": shown(look.row("gain_ratio", cell), 2),
                }
            )
        made += own
        heading = f"{group.model}, {in_words(group.vectors)}, {arm_name(group.arm)} settings"
        sections.append(Section(heading, pd.DataFrame(texts)))
    notes = (
        notes_on_lengths(look),
        f"{notes_on_gains()} H: entropy of the text under the model without a vector, nats. Gain over natural: "
        "ratio of strict gains over the texts and lengths that both kinds left unsolved. Shuffled and repeated text "
        "is made of "
        "the unseen natural text.",
    )
    return table(look, "cramming-kinds", pd.DataFrame(made), sections, notes, "Model")


def _place(cell: Cell) -> Row:
    return {"design": cell.design, "model": cell.model, "kind": cell.kind, "vectors": cell.vectors, "arm": cell.arm}


def vectors(look: Lookup, printed: Mapping[str, PublishedTable]) -> Table:
    """Capacity and gains by number of vectors with exponents, ours and the paper's."""
    made: list[Row] = []
    sections: list[Section] = []
    series: dict[Cell, list[Cell]] = {}
    for cell in look.cells:
        if not cell.arm.startswith(CONTROL):
            series.setdefault(cell._replace(vectors=None), []).append(cell)
    for group, cells in series.items():
        if len(cells) > 1:
            cells = sorted(cells, key=lambda cell: cell.vectors or 0)
            made += [_place(cell) | look.raw(VECTOR_MEASURES, cell) | {"source": "this run"} for cell in cells]
            names = {"token_gain": "exponent_token_gain", "information_gain": "exponent_information_gain"}
            exponents = {part: look.row(name, group) for part, name in names.items()}
            made.append(_place(group) | {"source": "exponent"} | look.raw(names.values(), group))
            heading = f"This run: {group.model}, {kind_name(group.kind)}, {arm_name(group.arm)} settings"
            texts = [_vector_shown(look, cell) for cell in cells]
            texts.append(_exponent_shown({name: shown(row, 2) for name, row in exponents.items()}))
            sections.append(Section(heading, pd.DataFrame(texts)))
    sections += _published_vectors(printed, made)
    notes = (
        notes_on_lengths(look),
        f"{notes_on_gains()} Exponent: b of gain ~ m^b, least squares on logarithms; this run's over the texts and "
        "tokens per vector that every number of vectors left unsolved, strict gain, texts within 0.9 of the context.",
        f"{source_of(printed['cramming-vectors'])} Its capacities lie on a coarse grid; its exponents are made here.",
    )
    return table(look, "cramming-vectors", pd.DataFrame(made), sections, notes, "Source")


def _vector_shown(look: Lookup, cell: Cell) -> dict[str, str]:
    return {
        "Vectors": count(cell.vectors),
        "n": count(look.row("capacity", cell).get("n")),
        "Capacity": shown(look.row("capacity", cell), 0),
        "N max": shown(look.row("n_max", cell)),
        "Token\ngain": shown(look.row("token_gain", cell)),
        "Info. gain": shown(look.row("information_gain", cell)),
        "Strict gain\nper vector": shown(look.row("information_gain_per_vector", cell)),
        "Bound": shown(look.row("theoretical_capacity", cell), 0),
    }


def _exponent_shown(found: Mapping[str, str]) -> dict[str, str]:
    made = dict.fromkeys(("Vectors", "n", "Capacity", "N max", "Token\ngain", "Info. gain"), MISSING)
    made |= {"Strict gain\nper vector": MISSING, "Bound": MISSING}
    return made | {"Vectors": "exponent", "Token\ngain": found["token_gain"], "Info. gain": found["information_gain"]}


def _published_vectors(printed: Mapping[str, PublishedTable], made: list[Row]) -> Iterator[Section]:
    published = printed["cramming-vectors"].rows.values()
    labels = {row["model"]: row["label"].partition(",")[0] for row in published}
    for model, label in labels.items():
        own = [row for row in published if row["model"] == model]
        texts = []
        for row in own:
            columns = ("vectors", "capacity", "token_gain", "information_gain")
            values: dict[str, Any] = {**numeric(row, columns), "source": "published", "model": model}
            made.append(values | {"information_gain_per_vector": value_of(row["per_vector"])})
            plain = {"Vectors": row["vectors"], "n": MISSING, "Capacity": row["capacity"], "N max": MISSING}
            plain |= {"Token\ngain": row["token_gain"], "Info. gain": row["information_gain"]}
            texts.append(plain | {"Strict gain\nper vector": row["per_vector"], "Bound": MISSING})
        found = {name: published_exponent(own, name) for name in ("token_gain", "information_gain")}
        made.append({"source": "published exponent", "model": model} | {f"exponent_{n}": v for n, v in found.items()})
        texts.append(_exponent_shown({name: number(value, 3) for name, value in found.items()}))
        yield Section(f"Published: {label}, PG-19", pd.DataFrame(texts))


def published_exponent(own: list[Mapping[str, str]], quantity: str) -> float:
    """Least squares on the logarithms of a printed series."""
    levels = [[value_of(row[quantity]) for row in own]]
    return float(power_exponent(levels, [value_of(row["vectors"]) for row in own])[0])
