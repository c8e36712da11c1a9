"""Section on the token table of a pretrained model (workflow/report/paper/real_model.typ)."""

from tokentrial.report.advice import one_width
from tokentrial.report.language_model_names import FULL
from tokentrial.report.paper.context import Paper, Values, listed, plain, table
from tokentrial.report.real_model_names import arms_by_bits, bits_a_number, text_name
from tokentrial.run.columns import Condition
from tokentrial.run.finals import AGREEMENT, LOSS

STUDY = "real_model"
TRAINED_FULL = "full_trained"  # the full table, trained as the encodings are: a control
CONTROLS = {"bands": "bands_", "bit_bands": "bit_bands_"}
"""An own method -> how the names of its controls begin."""


def values(paper: Paper) -> Values:
    """Every placeholder of the section."""
    return {"real_model.lead": lead(paper), "real_model.table": losses(paper), "real_model.found": found(paper)}


def uses(paper: Paper, tied: bool) -> list[Condition]:
    return [each for each in paper.of(STUDY).select() if bool(each.tied) == tied]


def lead(paper: Paper) -> str:
    texts = listed([plain(text_name(each)) for each in uses(paper, False)])
    study = paper.config["real_model"]
    return (
        "The documents speak of language models with vocabularies of fifty thousand tokens and train none. "
        "SmolLM2-135M-Instruct @smollm2 has #said[49,152] tokens of #said[576] numbers; we did not train it. "
        "Its token table is replaced by a code of fewer dimensions or fewer bits, and the loss is measured on "
        f"{study['documents']} held-out documents of each of {texts}, paired by document. The full table's loss is "
        "high for such a model: it is tuned to follow instructions, reads short contexts, and has 4-bit layers. All "
        "codes start from the same decoded table. We report differences; they too may not transfer."
    )


def losses(paper: Paper) -> str:
    view, inputs = paper.of(STUDY), uses(paper, False)
    if not inputs:
        return "This run has no pretrained model."
    tied = uses(paper, True)
    rows = []
    for arm in arms_by_bits(view, inputs[0]):
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
        "token, with 95 % intervals over documents (in brackets: the full table's loss). "
        "Bits: for each number of the table. Input: the output layer stays as it is; tied: both use the code. Last "
        "column: input table, first text."
    )
    columns = "(1.6fr, auto" + ", 1.3fr" * (len(inputs) + len(tied)) + ", 0.7fr)"
    return table(columns, header, rows, caption, "codes", "(left, " + "right, " * (len(inputs) + len(tied) + 2) + ")")


def found(paper: Paper) -> str:
    view, parts = paper.of(STUDY), []
    said = [cost for arm in ("int8", "int4", "int3") if (cost := bits_cost(paper, arm))]
    if said and uses(paper, False):
        texts = listed([plain(text_name(each)) for each in uses(paper, False)])
        parts.append(f"@codes lists every code. In nats on {texts}, {'; '.join(said)}.")
    shown = [
        f"{paper.apart(each.id, best, FULL)} on {plain(text_name(each))} ({plain(view.arm_name(STUDY, best))})"
        for each in uses(paper, False)
        if (best := one_width(view, each))
    ]
    if shown:
        parts.append(f"The best code of fewer dimensions for all tokens, without retraining, costs {listed(shown)}.")
    retrained = trained(paper)
    parts += retrained or ["Retraining was not tested in this run."]
    return " ".join(parts + bands(paper))


def bits_cost(paper: Paper, arm: str) -> str:
    """``4 bits cost ... in an input table and ... in a tied one``, text by text; empty if a condition lacks the arm."""
    view = paper.of(STUDY)
    words = {False: "in an input table", True: "in a tied one"}
    shown = []
    for tied, said in words.items():
        conditions = uses(paper, tied)
        if not all(arm in view.arms_of(each.id) for each in conditions):
            return ""
        if conditions:
            shown.append(f"{listed([paper.apart(each.id, arm, FULL) for each in conditions])} {said}")
    return f"{arm.removeprefix('int')} bits cost {', and '.join(shown)}" if shown else ""


def trained(paper: Paper) -> list[str]:
    """The loss of arms that are trained on text, minus that of the full table and of the full table trained alike."""
    view, said = paper.of(STUDY), []
    for each in uses(paper, False)[:1]:
        arms = [arm for arm in view.arms_of(each.id) if view.cost(each.id, arm).get("tokens_seen")]
        for arm in arms:
            others = [FULL, *(other for other in (TRAINED_FULL,) if other in arms and other != arm)]
            apart = [
                f"{paper.apart(each.id, arm, other)} over the {plain(view.arm_name(STUDY, other))}" for other in others
            ]
            said.append(f"{plain(view.arm_name(STUDY, arm))} {listed(apart)}")
    return [f"Trained on text with the body frozen, in nats: {'; '.join(said)}."] if said else []


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


def bands(paper: Paper) -> list[str]:
    """Widths and bits by frequency minus their controls at the same budget."""
    view = paper.of(STUDY)
    pairs: dict[str, list[str]] = {}
    for each in uses(paper, False):
        for arm, other in controlled(paper, each):
            row = view.pair(each.id, arm, other)
            if row:
                names = " minus ".join(plain(view.arm_name(STUDY, one)) for one in (arm, other))
                pairs.setdefault(names, []).append(paper.difference(row, n=False, unit=False))
    if not pairs:
        return []
    texts = listed([plain(text_name(each)) for each in uses(paper, False)])
    said = "; ".join(f"{names} {' and '.join(values)}" for names, values in pairs.items())
    return [
        f"The idea of document 003 at equal budgets, in nats on {texts}: {said}. This table was trained with equal "
        "widths and is cut afterwards; no rule was frozen for these comparisons."
    ]
