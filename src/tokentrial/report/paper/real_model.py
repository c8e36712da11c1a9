"""Section on the token table of a pretrained model (workflow/report/paper/real_model.typ)."""

from tokentrial.report.language_model_names import FULL
from tokentrial.report.paper.context import Paper, Values, listed, plain, table
from tokentrial.report.real_model_names import arms_by_bits, bits_a_number, text_name
from tokentrial.run.columns import Condition
from tokentrial.run.finals import AGREEMENT, LOSS

STUDY = "real_model"
CONTROLS = {"bands": "bands_", "bit_bands": "bit_bands_"}
"""An own arm -> how the names of its controls begin."""


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
        "SmolLM2-135M-Instruct @smollm2 has #said[49,152] tokens of #said[576] numbers, and nobody here trained "
        "it. "
        "Its token table is replaced by a code of fewer dimensions or fewer bits, and the loss is measured on "
        f"{study['documents']} held-out documents of each of {texts}, paired by document. Its layers come with "
        "4-bit weights; "
        "all codes start from the same decoded table, so levels are not those of the published model and "
        "differences are."
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
    for each in uses(paper, False)[:1]:
        known = [arm for arm in ("int8", "int4", "int3") if arm in view.arms_of(each.id)]
        if known:
            said = [f"{arm.removeprefix('int')} bits cost {paper.apart(each.id, arm, FULL)} nats" for arm in known]
            parts.append(f"On {plain(text_name(each))}, {listed(said)}.")
        best = min(
            (arm for arm in view.arms_of(each.id) if arm.startswith(("svd", "autoencoder"))),
            key=lambda arm: view.difference_on("test", each.id, arm, FULL)["mean"],
            default=None,
        )
        if best:
            parts.append(
                f"The best code of fewer dimensions here, {plain(view.arm_name(STUDY, best))}, costs "
                f"{paper.apart(each.id, best, FULL)} nats. Reconstruction, linear or deep, weighted by counts or "
                "not, does not keep the "
                "performance of a trained model; what training recovers is asked of the arms that are trained with "
                "the body frozen, where the run has them."
            )
    parts += bands(paper)
    return " ".join(parts)


def bands(paper: Paper) -> list[str]:
    """Widths and bits by frequency minus their controls at the same budget."""
    view, said = paper.of(STUDY), []
    for each in uses(paper, False)[:1]:
        for arm, start in CONTROLS.items():
            for other in view.arms_of(each.id):
                row = view.pair(each.id, arm, other) if other.startswith(start) else {}
                if row:
                    names = " minus ".join(plain(view.arm_name(STUDY, one)) for one in (arm, other))
                    said.append(f"{names} {paper.difference(row, n=False)}")
    return [f"Document 003's idea at equal budgets: {'; '.join(said)}."] if said else []
