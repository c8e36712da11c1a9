"""The tables of the cramming study, in the report's order; here: models, kinds of text, numbers of vectors."""

from collections.abc import Iterator, Mapping

import pandas as pd

from tokentrial.cramming.cells import CONTROL, NATURAL, STUDY
from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.report.formats import MISSING, Section, Table, count, number
from tokentrial.report.tables import cramming_decided, cramming_listings
from tokentrial.report.tables.cramming_rows import (
    Columns,
    Row,
    arm_name,
    columns,
    in_words,
    kind_name,
    notes_on_gains,
    notes_on_lengths,
    numeric,
    place,
    printed_cell,
    raw,
    shown,
    source_of,
    table,
)
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View
from tokentrial.statistics.cramming_scaling import power_exponent

MODEL_MEASURES = (
    *("capacity", "n_max", "token_gain", "information_gain", "information_gain_strict"),
    *("theoretical_capacity", "utilisation", "bits_per_dimension"),
)
MODEL_COLUMNS: Columns = {
    "Capacity": ("capacity", 0),
    "N max": ("n_max", 1),
    "Token\ngain": ("token_gain", 1),
    "Info. gain": ("information_gain", 1),
    "Bound": ("theoretical_capacity", 0),
    "Used": ("utilisation", 3),
    "Bits/dim": ("bits_per_dimension", 2),
}
FACTS = ("width", "layers", "validation_cross_entropy")
KIND_MEASURES = ("capacity", "n_max", "token_gain", "information_gain", "information_gain_strict", "gain_ratio")
KIND_COLUMNS: Columns = {
    "Capacity": ("capacity", 0),
    "N max": ("n_max", 1),
    "Token\ngain": ("token_gain", 1),
    "Info. gain": ("information_gain", 1),
    "Strict gain": ("information_gain_strict", 1),
    "Gain over\nnatural": ("gain_ratio", 2),
}
VECTOR_MEASURES = (
    *("capacity", "n_max", "token_gain", "information_gain", "information_gain_strict"),
    *("information_gain_per_vector", "theoretical_capacity"),
)
VECTOR_COLUMNS: Columns = {
    "n": ("capacity", 0),
    "Capacity": ("capacity", 0),
    "N max": ("n_max", 1),
    "Token\ngain": ("token_gain", 1),
    "Info. gain": ("information_gain", 1),
    "Strict gain\nper vector": ("information_gain_per_vector", 1),
    "Bound": ("theoretical_capacity", 0),
}
EXPONENTS = {"token_gain": "exponent_token_gain", "information_gain": "exponent_information_gain"}
# the paper's texts -> the suffix of their columns
TEXTS = {"PG-19": "", "fan fiction": "_fan", "random words": "_random"}


def build(view: View, printed: Mapping[str, PublishedTable]) -> Iterator[Table]:
    """Every table of the study; view: its results alone; printed: every table of the documents."""
    yield cramming_decided.decisions(view)
    yield cramming_decided.criteria(view)
    yield models(view, printed)
    yield kinds(view)
    yield cramming_listings.entropy(view)
    yield vectors(view, printed)
    yield cramming_listings.settings(view)
    yield cramming_listings.controls(view)
    yield cramming_listings.lengths(view)
    yield cramming_decided.consistency(printed)


def models(view: View, printed: Mapping[str, PublishedTable]) -> Table:
    """Table 1's layout: one vector by model, this run's by kind of text, then the paper's by text."""
    rows: list[Row] = []
    sections: list[Section] = []
    for kind in (NATURAL, "random-words"):
        scopes = view.estimates.widest(kind)
        rows += [_model_raw(view, scope) for scope in scopes]
        if scopes:
            heading = f"This run: {kind_name(kind)}"
            sections.append(Section(heading, pd.DataFrame([_model_shown(view, scope) for scope in scopes])))
    published = printed["cramming-models"]
    for text, suffix in TEXTS.items():
        chosen = {name: row for name, row in published.rows.items() if row[f"capacity{suffix}"]}
        rows += [_published_raw(name, row, text, suffix) for name, row in chosen.items()]
        shown_rows = [_published_shown(row, printed["cramming-bits"].rows[n], suffix) for n, row in chosen.items()]
        sections.append(Section(f"Published: {text}", pd.DataFrame(shown_rows)))
    notes = (
        notes_on_lengths(view),
        f"{notes_on_gains()} Bound: 16 d / log2 V tokens; used: token gain over bound. Bits/dim: information gain in "
        "bits for each number of the vector. Validation loss in nats per token of the model's own vocabulary: it does "
        "not compare between tokenizers.",
        f"{source_of(published)} Its bits/dim are derived.",
    )
    return table(view, "cramming-models", pd.DataFrame(rows), sections, notes, "Source")


def _model_raw(view: View, scope: Scope) -> Row:
    identity = {"source": "this run", "model": scope.model, "text": scope.kind, "design": scope.design}
    facts = {name: view.estimates.fact(scope.model, name) for name in FACTS}
    return {**identity, "n": view.estimates.get("capacity", scope).n, **facts, **raw(view, MODEL_MEASURES, scope)}


def _model_shown(view: View, scope: Scope) -> dict[str, str]:
    width, layers, loss = (view.estimates.fact(scope.model, name) for name in FACTS)
    facts = {"d": count(width), "Layers": count(layers), "Val.\nloss": number(loss, 3)}
    return {"Model": scope.model, **facts, **columns(view, MODEL_COLUMNS, scope)}


def _published_raw(name: str, row: Mapping[str, str], text: str, suffix: str) -> Row:
    values = numeric(row, [f"{part}{suffix}" for part in ("capacity", "token_gain", "information_gain")])
    raw_row: Row = {"source": "published", "model": name, "text": text, "width": value_of(row["width"])}
    raw_row |= {part.removesuffix(suffix): value for part, value in values.items()}
    used = row.get(f"utilisation{suffix}")
    return raw_row | {"theoretical_capacity": value_of(row["bound"]), "utilisation": value_of(used) if used else None}


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


def kinds(view: View) -> Table:
    """Models that were run with several kinds of text."""
    rows: list[Row] = []
    sections: list[Section] = []
    for group in view.estimates.groups:
        scopes = view.estimates.members(group)
        longest = max((n for scope in scopes for n in view.estimates.lengths(scope)), default=0)
        texts = []
        for scope in scopes:
            entropy = view.estimates.get("entropy", scope, longest)
            rows.append(place(scope) | raw(view, KIND_MEASURES, scope) | {"longest": longest, "entropy": entropy.value})
            first = {"Text": kind_name(scope.kind), "n": count(view.estimates.get("capacity", scope).n)}
            texts.append(first | {f"H at\nN = {longest}": shown(entropy)} | columns(view, KIND_COLUMNS, scope))
        heading = f"{group.model}, {in_words(group.vectors)}, {arm_name(view, group.arm)} settings"
        sections.append(Section(heading, pd.DataFrame(texts)))
    notes = (
        notes_on_lengths(view),
        f"{notes_on_gains()} H: entropy of the text under the model without a vector, nats. Gain over natural: "
        "ratio of strict gains over the texts and lengths that both kinds left unsolved. Shuffled and repeated text "
        "is made of "
        "the unseen natural text.",
    )
    return table(view, "cramming-kinds", pd.DataFrame(rows), sections, notes, "Model")


def vectors(view: View, printed: Mapping[str, PublishedTable]) -> Table:
    """Capacity and gains by number of vectors with exponents, this run's and the paper's."""
    rows: list[Row] = []
    sections: list[Section] = []
    series: dict[Scope, list[Scope]] = {}
    for scope in view.estimates.scopes:
        if scope.arm not in view.with_role(STUDY, CONTROL):
            series.setdefault(scope._replace(vectors=None), []).append(scope)
    for group, scopes in series.items():
        if len(scopes) > 1:
            scopes = sorted(scopes, key=lambda scope: scope.vectors or 0)
            rows += [place(scope) | raw(view, VECTOR_MEASURES, scope) | {"source": "this run"} for scope in scopes]
            rows.append(place(group) | {"source": "exponent"} | raw(view, EXPONENTS.values(), group))
            heading = f"This run: {group.model}, {kind_name(group.kind)}, {arm_name(view, group.arm)} settings"
            texts = [{"Vectors": count(scope.vectors), **columns(view, VECTOR_COLUMNS, scope)} for scope in scopes]
            exponents = {name: shown(view.estimates.get(exponent, group), 2) for name, exponent in EXPONENTS.items()}
            sections.append(Section(heading, pd.DataFrame([*texts, _exponent_shown(exponents)])))
    sections += _published_vectors(printed, rows)
    notes = (
        notes_on_lengths(view),
        f"{notes_on_gains()} Exponent: b of gain ~ m^b, least squares on logarithms; this run's over the texts and "
        "tokens per vector that every number of vectors left unsolved, strict gain, texts within 0.9 of the context.",
        f"{source_of(printed['cramming-vectors'])} Its capacities lie on a coarse grid; its exponents are made here.",
    )
    return table(view, "cramming-vectors", pd.DataFrame(rows), sections, notes, "Source")


def _exponent_shown(exponents: Mapping[str, str]) -> dict[str, str]:
    shown_row = dict.fromkeys(("Vectors", *VECTOR_COLUMNS), MISSING)
    gains = {"Token\ngain": exponents["token_gain"], "Info. gain": exponents["information_gain"]}
    return shown_row | {"Vectors": "exponent"} | gains


def _published_vectors(printed: Mapping[str, PublishedTable], raw_rows: list[Row]) -> Iterator[Section]:
    published = printed["cramming-vectors"].rows.values()
    labels = {row["model"]: row["label"].partition(",")[0] for row in published}
    for model, label in labels.items():
        series = [row for row in published if row["model"] == model]
        texts = []
        for row in series:
            names = ("vectors", "capacity", "token_gain", "information_gain")
            values: Row = {**numeric(row, names), "source": "published", "model": model}
            raw_rows.append(values | {"information_gain_per_vector": value_of(row["per_vector"])})
            plain = {"Vectors": row["vectors"], "n": MISSING, "Capacity": row["capacity"], "N max": MISSING}
            plain |= {"Token\ngain": row["token_gain"], "Info. gain": row["information_gain"]}
            texts.append(plain | {"Strict gain\nper vector": row["per_vector"], "Bound": MISSING})
        exponents = {name: published_exponent(series, name) for name in EXPONENTS}
        values = {EXPONENTS[name]: value for name, value in exponents.items()}
        raw_rows.append({"source": "published exponent", "model": model, **values})
        texts.append(_exponent_shown({name: number(value, 3) for name, value in exponents.items()}))
        yield Section(f"Published: {label}, PG-19", pd.DataFrame(texts))


def published_exponent(series: list[Mapping[str, str]], quantity: str) -> float:
    """Least squares on the logarithms of a printed series."""
    levels = [[value_of(row[quantity]) for row in series]]
    return float(power_exponent(levels, [value_of(row["vectors"]) for row in series])[0])
