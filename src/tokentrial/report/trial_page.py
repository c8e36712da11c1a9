"""The result of ``tokentrial try``: one sentence, tables, a figure of memory against quality, a page and JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tokentrial.checkout import ROOT
from tokentrial.claims.verdict import listed
from tokentrial.report import single_page
from tokentrial.report.figures import marks, style
from tokentrial.run.finals import ACCURACY, LOSS
from tokentrial.statistics.pareto import EqualBits
from tokentrial.trial import judged as trial
from tokentrial.trial.judged import Judged

TEMPLATE = "try.html"
FLAGS = {
    "leaked": "its loss is below that of the true source, so it has seen what it should predict",
    "untrained": "its loss is not below that of guessing",
    "unigram": "its loss is not below that of the best constant guess, so it makes no use of its input",
}
WORDS = {
    "better": "better than",
    "worse": "worse than",
    "better at some": "better at some sizes than",
    "worse at some": "worse at some sizes than",
    "crossing": "better at some sizes and worse at others than",
    "not shown": "not shown to differ from",
}


def own_arms(result: Judged) -> list[dict[str, Any]]:
    """Returns a row for each own arm: options, bits, bytes before and after zstd, levels, flag, place on the front."""
    levels = trial.levels(result)
    summary = {(row["condition"], row["arm"], row["metric"]): row for row in result.summary.to_dict("records")}
    rows = []
    for one in result.trained:
        loss = summary[one.condition, one.arm, LOSS]
        at = levels[(levels["condition"] == one.condition) & (levels["arm"] == one.arm)]
        rows.append(
            {
                "arm": one.arm, "ratio": one.ratio, "options": dict(one.options), "bits": one.bits,
                "table_bits": one.table_bits, "bytes": one.packed, "bytes_zstd": one.zstd, "seeds": int(loss["n"]),
                "loss": float(loss["mean"]), "low": float(loss["low"]), "high": float(loss["high"]),
                "accuracy": float(summary[one.condition, one.arm, ACCURACY]["mean"]),
                "floor": _number(loss["floor"]), "unigram": float(loss["unigram"]), "chance": float(loss["chance"]),
                "flag": str(loss["flag"]), "on_front": bool(at["on_front"].any()), "seconds": round(one.seconds, 2),
            }
        )  # fmt: skip
    return rows


def comparisons(result: Judged) -> list[dict[str, Any]]:
    """Returns a row for each shipped method: the own encoder minus the method at equal bits, with intervals.

    ``nearest``: where no bits are shared, the paired difference of the two arms of one condition nearest in bits.
    """
    rows = []
    for method, compared in result.equal_bits.items():
        sizes = zip(2**compared.log2_bits, compared.difference, compared.low, compared.high, strict=True)
        rows.append(
            {
                "method": method,
                "name": result.shown.get(method, method),
                "verdict": word(compared),
                "seeds": compared.seeds,
                "sizes": [
                    {"bits": round(float(bits)), "difference": float(d), "low": _number(low), "high": _number(high)}
                    for bits, d, low, high in sizes
                ],
                "nearest": None if len(compared.log2_bits) else _nearest(result, method),
                "learns": _learns(result, method),
            }
        )
    places = {name: place for place, name in enumerate(WORDS)}
    return sorted(rows, key=lambda row: (not row["learns"], places.get(row["verdict"], len(WORDS))))


def word(compared: EqualBits) -> str:
    """Returns the word of pareto.VERDICTS; where only some sizes decide, and all for one side, it says so."""
    below, above = bool((compared.high < 0).any()), bool((compared.low > 0).any())
    if compared.verdict == "not shown" and below != above:
        return "better at some" if below else "worse at some"
    return compared.verdict


def _nearest(result: Judged, method: str) -> dict[str, Any] | None:
    own = {(one.condition, one.arm) for one in result.trained}
    of_method = set(result.methods.loc[result.methods["method"] == method, "arm"])
    found = []
    for row in result.pairs[result.pairs["metric"] == LOSS].to_dict("records"):
        for arm, other, sign in (("arm_a", "arm_b", 1), ("arm_b", "arm_a", -1)):  # the study's own encoding is first
            if (row["condition"], row[arm]) in own and row[other] in of_method:
                bits = [float(result.bits[row["condition"], row[each]]) for each in (arm, other)]
                low, high = sorted(sign * row[end] for end in ("t_low", "t_high"))
                names = {"arm": row[arm], "other": row[other], "bits": bits[0], "other_bits": bits[1]}
                ends = {"low": _number(low), "high": _number(high), "p_holm": _number(row["p_holm"])}
                found.append({**names, "difference": sign * row["difference"], **ends})
    return min(found, key=lambda row: abs(np.log2(row["bits"] / row["other_bits"])), default=None)


def _learns(result: Judged, method: str) -> bool:
    """Whether an arm of a shipped method makes use of its input."""
    arms = result.methods.loc[result.methods["method"] == method, "arm"]
    rows = result.summary[(result.summary["metric"] == LOSS) & result.summary["arm"].isin(arms)]
    return bool((rows["flag"] == "ok").any())


def _number(value: Any) -> float | None:
    return None if value is None or not np.isfinite(float(value)) else float(value)


def sentence(result: Judged) -> str:
    """Returns the verdict in one sentence; flags come first. Methods that do not use their input are left out."""
    arms = own_arms(result)
    name = result.candidate.name
    if flagged := [row for row in arms if row["flag"] in FLAGS]:
        worst = flagged[0]
        return f"{name} is {worst['flag']}: {FLAGS[worst['flag']]} ({len(flagged)} of {len(arms)} arms)."
    rows = [row for row in comparisons(result) if row["learns"]]
    groups = {each: [row["name"] for row in rows if row["verdict"] == each] for each in WORDS}
    said = [f"{WORDS[each]} {listed(names)}" for each, names in groups.items() if names]
    alone = [row["name"] for row in rows if row["verdict"] not in WORDS]
    on = sum(row["on_front"] for row in arms)
    compared = f"at equal bits {name} is {'; '.join(said)}" if said else f"no shipped method has arms of {name}'s bits"
    beside = f"; {listed(alone)} {'has' if len(alone) == 1 else 'have'} no arms of its bits" if alone and said else ""
    whole = f"{compared}{beside}; {on} of its {len(arms)} arms {'is' if on == 1 else 'are'} on the front."
    return whole[0].upper() + whole[1:]


def caveat(result: Judged) -> str:
    """Returns what the witness says about this machine: how far a shipped arm is from its shipped rows."""
    if result.drift is None:
        return "No shipped arm was trained again on this text: the chain's shows how this machine rounds."
    if result.drift == 0:
        return "The shipped learned arm, trained again here, equals its shipped rows to the last bit."
    return (
        f"The shipped learned arm, trained again on this processor, is up to {result.drift:.2g} nats from its shipped "
        "rows: another model of processor rounds differently. Smaller differences decide nothing."
    )


def figure(result: Judged) -> Figure:
    """Draws loss against bits of all methods that learn, the own encoder above them, with floor and unigram."""
    rows = trial.levels(result)
    own = result.candidate.name
    learning = {row["method"] for row in comparisons(result) if row["learns"]} | {own}
    rows = rows[rows["method"].isin(learning)]
    with style.applied(), style.looks(result.methods):
        shown = [*(name for name in style.in_order(rows["method"]) if name != own), own]
        looks = {name: style.look(name) for name in shown}
        looks[own] = style.Look(own, style.BLACK, "*", 8.0)
        drawn, [axes] = style.page([style.Box(1.4, 0.4, 12.6, 7.5)], looks.values(), 9.2)
        levels = {name: y for name, y in marks.reference_levels(rows).items() if name == "floor"}
        ends = [*rows["low"].fillna(rows["mean"]), *rows["high"].fillna(rows["mean"]), *levels.values()]
        room = 0.04 * (max(ends) - min(ends))
        axes.set_ylim(min(ends) - room, max(ends) + room)
        left, right = rows["bits"].min() / 1.15, rows["bits"].max() * 1.15
        axes.set_xscale("log", base=2)
        axes.set(xlim=(left, right), xlabel="bits of encoder and task model", ylabel="test loss (nats per token)")
        marks.ticks(axes, {tick: marks.compact(tick) for tick in marks.octaves(left, right, 2)})
        marks.draw_levels(axes, levels)
        for name in shown:
            line = rows[rows["method"] == name].sort_values("bits")
            above = 5 if name == own else 3
            marks.points(
                axes, line["bits"], line["mean"], marks.lengths(line), looks[name], linewidth=0.9, zorder=above
            )
        style.label_right(axes, levels)
    return drawn


def content(result: Judged) -> dict[str, Any]:
    """Returns all of the result as plain values: what ``--json`` prints."""
    return {
        "encoder": result.candidate.where,
        "name": result.candidate.name,
        "on": result.on,
        "verdict": sentence(result),
        "confidence": result.confidence,
        "arms": own_arms(result),
        "comparisons": comparisons(result),
        "pairs": _pairs(result),
        "witness_drift": result.drift,
        "note": caveat(result),
        "minutes": round(result.minutes, 2),
    }


def _pairs(result: Judged) -> list[dict[str, Any]]:
    """The rows of results.STATISTICS of own arms, as a run with the overlay has them."""
    own = {(one.condition, one.arm) for one in result.trained}
    keys = zip(result.pairs["condition"], result.pairs["arm_a"], result.pairs["arm_b"], strict=True)
    rows = result.pairs[[not own.isdisjoint({(name, a), (name, b)}) for name, a, b in keys]]
    plain = rows.astype(object).where(rows.notna(), None)
    return [{str(name): _plain(value) for name, value in row.items()} for row in plain.to_dict("records")]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def html(results: Judged | Sequence[Judged], left_out: Sequence[str] = (), root: Path = ROOT) -> str:
    """Returns the results as one page without script, network or other file; every text is escaped.

    left_out: what was not tried, and why.
    """
    every = [results] if isinstance(results, Judged) else list(results)
    parts = [{**content(one), "uri": single_page.uri(figure(one))} for one in every]
    return single_page.html(TEMPLATE, {"parts": parts, "left_out": left_out, "interval": interval}, {}, root)


def interval(row: dict[str, Any]) -> str:
    """Returns ``−0.0431 (−0.0532 to −0.0330)`` of a row's difference in nats."""
    text = f"{row['difference']:+.4f}"
    if row["low"] is not None and row["high"] is not None:
        text += f" ({row['low']:+.4f} to {row['high']:+.4f})"
    return text.replace("-", "−")
