"""Document 002: the proof of concept, and whether the signal comes from relationships between tokens (also 001)."""

from collections.abc import Iterator, Mapping

import pandas as pd

from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.released import pure_python
from tokentrial.released.context_free import HIDDEN
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import (
    Section,
    Table,
    count,
    number,
    p_value,
    printed,
    with_deviation,
    with_interval,
    yes_no,
)
from tokentrial.report.tables.rows import (
    Row,
    data_name,
    first_seeds_row,
    frame,
    measured_row,
    missing_interval,
    notes_on_tests,
    released,
)
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View

SCRIPT = "pure-python"
ROLES = ("table", "built", "deployed")


def proof_of_concept(view: View, published: PublishedTable) -> Table:
    """Raw: a row per way of running it. Shown: a column per way, a row per quantity."""
    ((key, row),) = published.rows.items()
    rows = [{"ratio": key, **each} for each in _rows(view, row, int(key))]
    columns = {each["way"]: _column(each) for each in rows}
    shown = pd.DataFrame(columns).rename_axis("Quantity").reset_index()
    quotes = "; ".join(f"“{quote}”" for quote in published.quotes)
    notes = (
        f"Published ({published.where}): {quotes}; no loss is printed. As released: training loss of the pure-Python "
        "script, n runs, the first with its own seed. As described and done right: held-out loss at the same ratio.",
        "Token table: V·d against V·D, what the document counts. Built: every parameter, frozen ones and the task "
        "model's included. Deployed: 32-bit numbers that must be stored to use the model; the autoencoder's codes "
        "are a V × d table too. Learned / autoencoder: the script calls up to 1.1 a success. Losses in nats per "
        "token.",
        notes_on_tests(view),
    )
    name = "doc002-proof-of-concept"
    return Table(name, table_title(name), frame(rows, ("ratio", "way", "n")), (Section("", shown),), notes)


def _rows(view: View, row: Mapping[str, str], ratio: int) -> Iterator[Row]:
    pair = (value_of(row["learned"]), value_of(row["autoencoder"]))
    shown = {"Token table: learned": row["learned"], "Token table: autoencoder": row["autoencoder"]}
    shown |= {"Token table: fewer, %": printed(row["savings"])}
    yield {"way": "Published", "n": None, **_sizes("table", *pair), "printed": shown}
    sizes = _script_sizes()
    script = released(view, SCRIPT)
    own = first_seeds_row(view, "As released,\nown seed", script, "traditional", LOSS, 1, ddof=1)
    yield own | sizes
    yield measured_row(view, "As released,\nall runs", script, "traditional", LOSS) | sizes
    for way, name, arm in (
        ("as-described", "As described", "autoencoder_001"),
        ("done-right", "Done right", "autoencoder"),
    ):
        for each in view.select(experiment="compression", way=way, ratio=ratio):
            label = f"{name},\n{data_name(each)}"
            yield measured_row(view, label, each.id, arm, LOSS) | _sizes_of(view, each.id, arm)


def _column(row: Row) -> dict[str, str]:
    """Every quantity of one way, as text."""

    def mean(key: str) -> str:
        if missing_interval(row, key):
            return with_deviation(row.get(key), row.get(f"{key}_sd"))
        return with_interval(row.get(key), row.get(f"{key}_low"), row.get(f"{key}_high"))

    ratio = row.get("ratio_of_means")
    made = {
        "n": count(row.get("n")),
        "Learned": mean("learned"),
        "Autoencoder": mean("autoencoder"),
        "Difference": with_interval(
            row.get("difference"), row.get("difference_low"), row.get("difference_high"), signed=True
        ),
        "Learned / autoencoder": number(1 / ratio if ratio else None, 3),
        "p (Holm)": p_value(row.get("p_holm")),
        "Equivalent": yes_no(row.get("equivalent")),
        **{bound.capitalize(): number(row.get(bound), 3) for bound in ("chance", "unigram", "floor")},
    }
    for role, title in zip(ROLES, ("Token table", "Built", "Deployed"), strict=True):
        made[f"{title}: learned"] = count(row.get(f"{role}_learned"))
        made[f"{title}: autoencoder"] = count(row.get(f"{role}_autoencoder"))
        made[f"{title}: fewer, %"] = number(row.get(f"{role}_savings"), 1)
    return {**made, **row.get("printed", {})}


def _sizes(role: str, learned: float | None, other: float | None) -> Row:
    saved = None if learned is None or not other else 100 * (1 - learned / other)
    return {f"{role}_learned": learned, f"{role}_autoencoder": other, f"{role}_savings": saved}


def _script_sizes() -> Row:
    """Numbers in the script's models (protocol A1): no biases, one hidden layer."""
    small, wide = pure_python.VOCABULARY * pure_python.WIDTH, pure_python.VOCABULARY * pure_python.FULL_WIDTH
    head = pure_python.WIDTH * HIDDEN + HIDDEN * pure_python.VOCABULARY
    maps = 2 * pure_python.FULL_WIDTH * pure_python.WIDTH
    return {
        **_sizes("table", small, wide),
        **_sizes("built", small + head, wide + maps + head),
        **_sizes("deployed", small + head, small + head),
    }


def _sizes_of(view: View, condition: str, arm: str) -> Row:
    costs = [view.cost(condition, name) for name in ("learned", arm)]
    bits = [cost.get("bits_deployed") for cost in costs]
    return {
        **_sizes("table", *[cost.get("parameters_embedding") for cost in costs]),
        **_sizes("built", *[cost.get("total") for cost in costs]),
        **_sizes("deployed", *[None if value is None else value / 32 for value in bits]),
    }
