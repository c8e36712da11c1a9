"""Section on the token table of a pretrained model (workflow/report/paper/real_model.typ)."""

import json
import math
from collections.abc import Sequence

from tokentrial.report.advice import one_width
from tokentrial.report.language_model_names import FULL
from tokentrial.report.paper import recovered
from tokentrial.report.paper.context import Paper, Values, listed, plain, table
from tokentrial.report.real_model_names import arms_by_bits, bits_a_number, text_name, trained_arms
from tokentrial.run.columns import Condition
from tokentrial.run.finals import AGREEMENT, LOSS
from tokentrial.run.view import View
from tokentrial.statistics.pareto import front

STUDY = "real_model"
INTEGERS = {"int8": "eight", "int4": "four", "int3": "three"}
LOST = 0.1  # nats above the full table, with the whole interval, from which performance counts as lost
MOST_PAIRS = 8  # comparisons in a sentence
MOST = 30  # rows of a table that fit a page
EIGHT_TO_ONE = 2.0  # bits a number of float16
CONTROLS = {"bands": "bands_", "bit_bands": "bit_bands_"}
"""An own method -> how the names of its controls begin."""


def values(paper: Paper) -> Values:
    """Every placeholder of the section."""
    return {
        "real_model.lead": lead(paper),
        "real_model.table": losses(paper),
        "real_model.found": found(paper),
        "real_model.recovered": recovered.recovered(paper),
    }


def uses(paper: Paper, tied: bool) -> list[Condition]:
    return [each for each in paper.of(STUDY).select() if bool(each.tied) == tied]


def lead(paper: Paper) -> str:
    texts = listed([plain(text_name(each)) for each in uses(paper, False)])
    documents = paper.count(paper.config[STUDY]["documents"], "documents of each text of the real model")
    return (
        "The documents speak of language models with vocabularies of #said[50K] tokens and train none. "
        "SmolLM2-135M-Instruct @smollm2 has #said[49,152] tokens of #said[576] numbers; we did not train it. "
        "Its token table is replaced by a code of fewer dimensions or fewer bits, and the loss is measured on "
        f"{documents} held-out documents of each of {texts}, paired by document. The full table's loss is "
        "high for such a model: it is tuned to follow instructions, reads short contexts, and has #said[4]-bit layers. "
        "Its package stores the table in eight bits, and all codes start from what these decode to: that eight bits "
        "cost little is no surprise. We report differences; they too may not transfer."
    )


def losses(paper: Paper) -> str:
    view, inputs = paper.of(STUDY), uses(paper, False)
    if not inputs:
        return "This run has no pretrained model."
    tied, arms = uses(paper, True), selected(view, inputs)
    rows = []
    for arm in arms:
        bits = bits_a_number(view, inputs[0], arm)
        agreement = view.level_on("test", inputs[0].id, arm, AGREEMENT)
        cells = [plain(view.arm_name(STUDY, arm)), paper.number(bits, f"arms › {inputs[0].id}|{arm} › bits", 2)]
        if arm == FULL:
            levels = [view.level_on("test", each.id, FULL).get("mean") for each in (*inputs, *tied)]
            places = [f"runs › {each.id}|{FULL}|{LOSS} › mean" for each in (*inputs, *tied)]
            cells += [f"({paper.number(level, at, 3)})" for level, at in zip(levels, places, strict=True)]
        else:
            cells += [paper.apart(each.id, arm, FULL, decimals=2) for each in (*inputs, *tied)]
        shown = agreement.get("mean")
        cells.append(
            "–"
            if arm == FULL
            else paper.number(
                None if shown is None else 100 * shown, f"runs › {inputs[0].id}|{arm}|{AGREEMENT} › mean × 100", 0
            )
        )
        rows.append(cells)
    header = [
        "Code",
        "Bits",
        *(f"{plain(text_name(each))}, input" for each in inputs),
        *(f"{plain(text_name(each))}, tied" for each in tied),
        "Same token, %",
    ]
    caption = (
        "The cost of encoding the pretrained model's token table: loss minus that of the full table, nats per "
        f"token, with {paper.confidence} intervals over documents (in brackets: the full table's loss). "
        "Bits: for each number of the table. Input: the output layer stays as it is; tied: both use the code. Last "
        "column: input table, first text."
    )
    if len(arms) < len(untrained(view, inputs[0])):
        caption += (
            " Shown are the codes on the front of memory and loss and of each other family the size nearest to eight "
            "to one; the run's tables have all."
        )
    columns = "(2fr, auto" + ", 1.25fr" * (len(inputs) + len(tied)) + ", 0.6fr)"
    return table(columns, header, rows, caption, "codes", "(left, " + "right, " * (len(inputs) + len(tied) + 2) + ")")


def untrained(view: View, condition: Condition) -> list[str]:
    """The arms of a condition that see no text but its counts, those with the most bits first."""
    trained = trained_arms(view, condition)
    return [arm for arm in arms_by_bits(view, condition) if arm not in trained]


def selected(view: View, inputs: Sequence[Condition]) -> list[str]:
    """Every code, or if these are too many for a page, the fronts and one code of each family beside them."""
    arms = untrained(view, inputs[0])
    if len(arms) <= MOST:
        return arms
    bits = {arm: bits_a_number(view, inputs[0], arm) or math.inf for arm in arms}
    kept = {FULL}
    for each in inputs:
        losses = {arm: view.level_on("test", each.id, arm).get("mean", math.inf) for arm in arms}
        kept |= {arm for arm, on in zip(arms, front(list(bits.values()), list(losses.values())), strict=True) if on}
    family = {arm: view.method(STUDY, arm).family for arm in arms}
    for name in dict.fromkeys(family.values()):
        sizes = [arm for arm in arms if family[arm] == name]
        if not kept & set(sizes):
            kept.add(min(sizes, key=lambda arm: abs(math.log(bits[arm] / EIGHT_TO_ONE))))
    return [arm for arm in arms if arm in kept]


def found(paper: Paper) -> str:
    """Paragraphs on bits, dimensions, training and frequency, of those that the run has."""
    said = {
        "Fewer bits.": fewer_bits(paper),
        "Fewer dimensions.": fewer_dimensions(paper),
        "Training.": recovered.said(paper),
        "By frequency.": bands(paper),
    }
    return "\n\n".join(f"*{topic}* {text}" for topic, text in said.items() if text)


def fewer_bits(paper: Paper) -> str:
    said = [cost for arm in ("int8", "int4", "int3") if (cost := bits_cost(paper, arm))]
    if not said or not uses(paper, False):
        return ""
    texts = listed([plain(text_name(each)) for each in uses(paper, False)])
    return f"@codes lists the codes. In nats on {texts}, {'; '.join(said)}."


def fewer_dimensions(paper: Paper) -> str:
    """The best code of one width for all tokens, and whether reconstruction keeps the model's performance."""
    view = paper.of(STUDY)
    best = {each: arm for each in uses(paper, False) if (arm := one_width(view, each))}
    if not best:
        return ""
    shown = [
        f"{paper.apart(each.id, arm, FULL)} on {plain(text_name(each))} ({plain(view.arm_name(STUDY, arm))})"
        for each, arm in best.items()
    ]
    lows = [view.difference_on("test", each.id, arm, FULL)["low"] for each, arm in best.items()]
    lost = (
        " Reconstruction, linear or deep, weighted by counts or not, does not keep the performance of a trained model."
        if all(low is not None and low > LOST for low in lows)
        else ""
    )
    return f"The best code of fewer dimensions for all tokens, without retraining, costs {listed(shown)}.{lost}"


def bits_cost(paper: Paper, arm: str) -> str:
    """``four bits cost ... in an input table and ... in a tied one``; empty if a condition lacks the arm."""
    view = paper.of(STUDY)
    words = {False: "in an input table", True: "in a tied one"}
    shown = []
    for tied, said in words.items():
        conditions = uses(paper, tied)
        if not all(arm in view.arms_of(each.id) for each in conditions):
            return ""
        if conditions:
            shown.append(f"{listed([paper.apart(each.id, arm, FULL) for each in conditions])} {said}")
    return f"{INTEGERS[arm]} bits cost {', and '.join(shown)}" if shown else ""


def controlled(paper: Paper, condition: Condition) -> list[tuple[str, str]]:
    """Returns every arm of widths or bits by frequency with each of its controls of the same size."""
    view = paper.of(STUDY)
    methods = {arm: view.method(STUDY, arm) for arm in view.arms_of(condition.id)}
    return [
        (arm, other)
        for arm, own in methods.items()
        if own.method in CONTROLS
        for other, control in methods.items()
        if control.method.startswith(CONTROLS[own.method]) and control.size == own.size
    ]


def bands(paper: Paper) -> str:
    """Widths and bits by frequency minus their controls at the same budget; of many, those spread evenly alone."""
    view = paper.of(STUDY)
    pairs: dict[str, list[str]] = {}
    compared = set()
    for each in uses(paper, False):
        known = controlled(paper, each)
        if len(known) > MOST_PAIRS:
            known = [(arm, other) for arm, other in known if view.method(STUDY, other).method.endswith("_uniform")]
        for arm, other in known:
            row = view.pair(each.id, arm, other)
            if row:
                names = " minus ".join(plain(view.arm_name(STUDY, one)) for one in (arm, other))
                pairs.setdefault(names, []).append(paper.difference(row, n=False, unit=False))
                compared.add(row["comparison"])
    if not pairs:
        return ""
    rules = [claim for claim, row in paper.judged.items() if compared & set(json.loads(row["comparison"]))]
    read = f"{paper.amount(len(rules), 'rule')} of document 003's claims read them" if rules else "no rule reads them"
    texts = listed([plain(text_name(each)) for each in uses(paper, False)])
    said = "; ".join(f"{names} {' and '.join(values)}" for names, values in pairs.items())
    return (
        f"The idea of document 003 at equal budgets, in nats on {texts}: {said}. This table was trained with equal "
        f"widths and is cut afterwards; {read}."
    )
