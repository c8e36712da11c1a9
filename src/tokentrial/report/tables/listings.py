"""Every arm and every comparison done right, and what each arm costs."""

import pandas as pd

from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import GAP, Section, Table, count, number, p_value, with_interval, yes_no
from tokentrial.report.tables.document_002 import arms_of, bounds_row
from tokentrial.report.tables.rows import PARAMETERS, STUDY, Row, data_name, head_name, notes_on_tests
from tokentrial.run.columns import Condition
from tokentrial.run.finals import ACCURACY, LOSS
from tokentrial.run.view import View

IDENTITY = ["study", "cell", "arm", "n"]


def fair(view: View) -> list[Condition]:
    """Every condition done right that has results."""
    return view.select(way="done-right")


def title_of(view: View, condition: Condition) -> str:
    """``Compression ratios (001): 8:1, Zipf chain, V = 100``."""
    return f"{condition.title}: {name_of(view, condition)}"


def name_of(view: View, condition: Condition) -> str:
    """What tells a condition from the others of its experiment."""
    others = view.select(experiment=condition.experiment, way="done-right")
    several = {name: len({getattr(other, name) for other in others}) > 1 for name in ("ratio", "head")}
    same_source = len({(other.source, other.vocab_size) for other in others}) < len({other.data for other in others})
    parts = [f"{condition.ratio}:1" if several["ratio"] else ""]
    parts.append(str(condition.data) if same_source else data_name(condition))
    parts.append(head_name(condition) if several["head"] else "")
    return ", ".join(part for part in parts if part)


def levels(view: View) -> Table:
    """Held-out loss and accuracy of every arm, each cell's bounds in its first row."""
    rows, sections = [], []
    for each in fair(view):
        made = [_level_row(view, each, arm) for arm in arms_of(view, each.id)]
        rows += made
        shown = [bounds_row(view, each.id), *[_shown_level(view, row) for row in made]]
        sections.append(Section(title_of(view, each), pd.DataFrame(shown).fillna("")))
    notes = (
        f"Mean over n seeds with its {100 * view.confidence:g} % t interval; losses in nats per token, on test text. "
        "First row of a cell: chance (ln V; 1/V), unigram (the best constant prediction) and floor (the source's "
        "entropy rate; the best possible accuracy), for what the task model sees.",
        "Flag, from the loss: leaked, significantly better than the true source on the same text; untrained, not "
        "significantly better than chance; unigram, better than that, but not than the best constant prediction; ok "
        "otherwise.",
    )
    return Table("levels", table_title("levels"), pd.DataFrame(rows), tuple(sections), notes, "Cell")


def _level_row(view: View, condition: Condition, arm: str) -> Row:
    level, right = view.level(condition.id, arm, LOSS), view.level(condition.id, arm, ACCURACY)
    kept = ("mean", "sd", "low", "high", "chance", "unigram", "floor", "flag")
    return {
        **_identity(condition, arm, level.get("n")),
        **{f"loss_{key}": level.get(key) for key in kept},
        **{f"accuracy_{key}": right.get(key) for key in kept},
    }


def _identity(condition: Condition, arm: str, n: int | None) -> Row:
    return {"study": condition.experiment, "cell": condition.name, "arm": arm, "n": n}


def _shown_level(view: View, row: Row) -> dict[str, str]:
    return {
        "Arm": view.arm_name(STUDY, row["arm"]),
        "n": count(row["n"]),
        **{
            name.capitalize(): _one_line(row[f"{name}_mean"], row[f"{name}_low"], row[f"{name}_high"])
            for name in ("loss", "accuracy")
        },
        "Flag": row["loss_flag"] or "",
    }


def _one_line(value: float | None, low: float | None, high: float | None, signed: bool = False) -> str:
    return with_interval(value, low, high, signed).replace("\n", GAP)


def comparisons(view: View) -> Table:
    """Learned minus every other arm, on loss and on accuracy."""
    rows, sections = [], []
    for each in fair(view):
        arms = [arm for arm in arms_of(view, each.id) if arm != "learned"]
        made = [_comparison_row(view, each, arm) for arm in arms]
        if not made:
            continue
        rows += made
        margins = [number(made[0][f"{name}_margin"], 4) for name in ("loss", "accuracy")]
        title = f"{title_of(view, each)} (margins {margins[0]} nats, {margins[1]} of accuracy)"
        sections.append(Section(title, pd.DataFrame([_shown_comparison(view, row) for row in made])))
    notes = (
        "Loss: below zero the learned encoding is better; accuracy: above zero. g: Hedges' g of the paired loss "
        "differences, in their standard deviations. MDE: the loss difference that n seeds find with a power of 80 %, "
        "at the standard deviation observed.",
        notes_on_tests(view, "the other arm"),
    )
    return Table("comparisons", table_title("comparisons"), pd.DataFrame(rows), tuple(sections), notes, "Cell")


def _comparison_row(view: View, condition: Condition, arm: str) -> Row:
    kept = (
        *("difference", "sd_difference", "t_low", "t_high", "hedges_g", "g_low", "g_high", "p_t", "p_holm", "p_tost"),
        *("margin", "equivalent", "p_noninferior", "noninferior", "superiority", "minimal_detectable"),
    )
    contrasts = {"loss": view.pair(condition.id, "learned", arm, LOSS)}
    contrasts["accuracy"] = view.pair(condition.id, "learned", arm, ACCURACY)
    return {
        **_identity(condition, arm, contrasts["loss"].get("n")),
        **{f"{name}_{key}": contrast.get(key) for name, contrast in contrasts.items() for key in kept},
    }


def _shown_comparison(view: View, row: Row) -> dict[str, str]:
    def difference(name: str) -> str:
        return _one_line(row[f"{name}_difference"], row[f"{name}_t_low"], row[f"{name}_t_high"], signed=True)

    return {
        "Other arm": view.arm_name(STUDY, row["arm"]),
        "n": count(row["n"]),
        "Loss": difference("loss"),
        "g": number(row["loss_hedges_g"], 1, signed=True),
        "MDE": number(row["loss_minimal_detectable"]),
        "p, loss": p_value(row["loss_p_holm"]),
        "Eq., loss": yes_no(row["loss_equivalent"]),
        "Accuracy": difference("accuracy"),
        "p, acc.": p_value(row["accuracy_p_holm"]),
        "Eq., acc.": yes_no(row["accuracy_equivalent"]),
    }


def costs(view: View) -> Table:
    """Counts by role; cells of a sub-study in which every arm counts the same share a section."""
    rows: list[Row] = []
    shared: dict[tuple[str, str], list[str]] = {}
    shown: dict[tuple[str, str], pd.DataFrame] = {}
    for each in fair(view):
        made = [_cost_row(view, each, arm) for arm in arms_of(view, each.id)]
        rows += made
        texts = pd.DataFrame([_shown_cost(view, row) for row in made])
        key = (each.title, texts.to_csv(index=False))
        shared.setdefault(key, []).append(name_of(view, each))
        shown[key] = texts
    sections = tuple(Section(f"{key[0]}: {'; '.join(names)}", shown[key]) for key, names in shared.items())
    notes = (
        "Token table, encoder, decoder, head: every parameter that is built, frozen ones included. Trained: those "
        "that an optimiser changes, in any stage. Deployed: bits that must be stored to use the trained model; an "
        "autoencoder's codes are a V × d table then. The last column sets them against the uncompressed table's "
        "model. Codes that go on training with the task count as trained once more.",
    )
    return Table("costs", table_title("costs"), pd.DataFrame(rows), sections, notes, "Cell")


def _cost_row(view: View, condition: Condition, arm: str) -> Row:
    cost = view.cost(condition.id, arm)
    full = view.cost(condition.id, "full").get("bits_deployed")
    bits = cost.get("bits_deployed")
    return {
        **{key: value for key, value in _identity(condition, arm, None).items() if key != "n"},
        **{name: cost.get(name) for name in (*PARAMETERS, "total", "params_trained", "bits_deployed")},
        "deployed_share_of_full": None if bits is None or not full else bits / full,
    }


def _shown_cost(view: View, row: Row) -> dict[str, str]:
    share = row["deployed_share_of_full"]
    names = ("Token table", "Encoder", "Decoder", "Head", "Built", "Trained", "Bits deployed")
    keys = (*PARAMETERS, "total", "params_trained", "bits_deployed")
    return {
        "Arm": view.arm_name(STUDY, row["arm"]),
        **{name: count(row[key]) for name, key in zip(names, keys, strict=True)},
        "% of full": number(None if share is None else 100 * share, 1),
    }
