"""The cramming study's listings: entropy against length, the paper's settings, controls, every length."""

from collections.abc import Sequence

import pandas as pd

from tokentrial.report.formats import MISSING, Section, Table, count, yes_no
from tokentrial.report.tables.cramming_rows import (
    CONTROL,
    NATURAL,
    PAPER,
    TUNED,
    Cell,
    Lookup,
    Row,
    arm_name,
    in_words,
    kind_name,
    notes_on_lengths,
    shown,
    table,
)

LINE = ("entropy_slope", "entropy_intercept", "fixed_offset")
LIMITS = ("auc_entropy", "auc_length", "auc_difference", "logistic_entropy", "logistic_length")
BY_LENGTH = (
    *("accuracy", "accuracy_without", "solved", "greedy_exact", "greedy_prefix"),
    *("entropy", "entropy_with", "gain", "steps", "solved_step"),
)


def entropy(look: Lookup) -> Table:
    """H(LM) against H(LM+mem): the free line beside the paper's, by kind and over kinds; what tells solved texts."""
    made: list[Row] = []
    lines: list[Section] = []
    limits: list[Section] = []
    for group in look.groups:
        cells = [*(cell for cell in look.cells if cell._replace(kind="all") == group), group]
        made += [_place(cell) | look.raw((*LINE, *LIMITS), cell) for cell in cells]
        heading = f"{group.model}, {in_words(group.vectors)}, {arm_name(group.arm)} settings"
        lines.append(Section(heading, pd.DataFrame([_line_shown(look, cell) for cell in cells])))
        limits.append(Section(heading, pd.DataFrame([_limit_shown(look, group)])))
    notes = (
        f"H(LM) and H(LM+mem): entropy of a text under the model without and with the vectors, nats. Brackets: "
        f"{100 * look.confidence:g} % percentile bootstrap over texts. Free line: least squares over unsolved texts "
        "with H(LM) above twice the mean gain, where a vector is full; nearer to the elbow a slope is biased. Fixed "
        "slope: "
        "the paper's line of slope 1, whose offset is minus the mean gain.",
        "AUC: probability that a solved text has the smaller H (N) than an unsolved one. Coefficients: log odds of "
        "solved for one standard deviation of H and of N, both in one model, Firth's penalised likelihood. Separated: "
        f"H and N part solved from unsolved texts without an error. {MISSING}: not defined.",
    )
    return table(look, "cramming-entropy", pd.DataFrame(made), [*lines, *limits], notes, "Model")


def _line_shown(look: Lookup, cell: Cell) -> dict[str, str]:
    return {
        "Text": kind_name(cell.kind),
        "Free slope": shown(look.row("entropy_slope", cell), 2),
        "Free offset": shown(look.row("entropy_intercept", cell), 1),
        "Offset at slope 1": shown(look.row("fixed_offset", cell), 1),
        "Points": str(look.row("entropy_slope", cell).get("note") or MISSING).partition(" ")[0],
    }


def _limit_shown(look: Lookup, group: Cell) -> dict[str, str]:
    names = ("AUC of H", "AUC of N", "Difference", "Coefficient\nof H", "Coefficient\nof N")
    cells = [shown(look.row(name, group), 3 if name.startswith("auc") else 2) for name in LIMITS]
    separated = str(look.row("logistic_length", group).get("note") or "").startswith("separated")
    return {"Text": kind_name("all"), **dict(zip(names, cells, strict=True)), "Separated": yes_no(separated)}


def settings(look: Lookup) -> Table:
    """The paper's optimiser beside the tuned one, on the same texts."""
    made: list[Row] = []
    sections: list[Section] = []
    for paper in [cell for cell in look.cells if cell.arm == PAPER]:
        cells = [cell for cell in (paper._replace(arm=TUNED), paper) if cell in look.cells]
        texts = []
        for cell in cells:
            for length in look.lengths(cell):
                made.append(_place(cell) | {"length": length} | look.raw(BY_LENGTH, cell, length))
                texts.append(_setting_shown(look, cell, length))
            made.append(_place(cell) | look.raw(("information_gain_strict", "gain_difference"), cell))
        heading = f"{paper.model}, {kind_name(paper.kind)}, {in_words(paper.vectors)}"
        difference = shown(look.row("gain_difference", paper), 1, signed=True).replace("\n", " ")
        sections.append(Section(f"{heading}; gain of tuned minus the paper's: {difference} nats", pd.DataFrame(texts)))
    notes = (
        "The paper's: AdamW at 0.01, betas 0.9 and 0.9, decay 0.01, 5,000 steps, given up after 2,000 without "
        "progress. Tuned: the rate follows the embedding table's scale, with a cosine; see the config. Solved: "
        "right throughout "
        "and decoded exactly. Gain: all texts, N − 1 predicted tokens, nats. Solved at: mean step of solved texts.",
        notes_on_lengths(look),
    )
    return table(look, "cramming-settings", pd.DataFrame(made), sections, notes, "Model")


def _setting_shown(look: Lookup, cell: Cell, length: int) -> dict[str, str]:
    return {
        "Settings": arm_name(cell.arm),
        "N": count(length),
        "n": count(look.row("accuracy", cell, length).get("n")),
        "Accuracy": shown(look.row("accuracy", cell, length), 3),
        "Solved": shown(look.row("solved", cell, length), 2),
        "Gain": shown(look.row("gain", cell, length), 1),
        "Steps": shown(look.row("steps", cell, length), 0),
        "Solved at": shown(look.row("solved_step", cell, length), 0),
    }


def controls(look: Lookup) -> Table:
    """Every control beside the tuned vectors of the same model, text and length; the untrained model."""
    made: list[Row] = []
    sections: list[Section] = []
    for arm in dict.fromkeys(cell.arm for cell in look.cells if cell.arm.startswith(CONTROL)):
        cells = [cell for cell in look.cells if cell.arm == arm]
        sections += _control_section(look, cells, arm_name(arm), made)
    untrained = [cell for cell in look.widest(NATURAL) if cell.model.startswith("untrained")]
    sections += _control_section(look, untrained, "an untrained model", made)
    notes = (
        "Gain: cross-entropy taken away, all texts, N − 1 predicted tokens, nats; brackets: "
        f"{100 * look.confidence:g} % percentile bootstrap over texts. Tuned: the gain where each of the same texts "
        "has "
        "an optimised vector of its own. Exact: share of texts that greedy decoding gives back.",
    )
    return table(look, "cramming-controls", pd.DataFrame(made), sections, notes, "Control")


def _control_section(look: Lookup, cells: Sequence[Cell], heading: str, made: list[Row]) -> list[Section]:
    texts = []
    for cell in cells:
        for length in look.lengths(cell):
            tuned = _tuned_at(look, cell, length)
            other = look.row("gain", tuned, length) if tuned is not None and tuned != cell else {}
            raw = look.raw(("accuracy", "greedy_exact", "gain"), cell, length)
            made.append(_place(cell) | {"length": length} | raw | {"tuned_gain": other.get("estimate")})
            texts.append(
                {
                    "Model": cell.model,
                    "Text": kind_name(cell.kind),
                    "N": count(length),
                    "n": count(look.row("accuracy", cell, length).get("n")),
                    "Accuracy": shown(look.row("accuracy", cell, length), 3),
                    "Exact": shown(look.row("greedy_exact", cell, length), 2),
                    "Gain": shown(look.row("gain", cell, length), 1),
                    "Tuned": shown(other, 1),
                }
            )
    return [Section(heading, pd.DataFrame(texts))] if texts else []


def _tuned_at(look: Lookup, cell: Cell, length: int) -> Cell | None:
    """The tuned vectors of the same model and text at this length, in whatever design."""
    wanted = (cell.model, cell.kind, cell.vectors, TUNED)
    found = (other for other in look.cells if other[1:] == wanted and look.row("gain", other, length))
    return next(found, None)


def lengths(look: Lookup) -> Table:
    """Every length of every cell."""
    made: list[Row] = []
    sections: list[Section] = []
    for cell in look.cells:
        texts = []
        for length in look.lengths(cell):
            made.append(_place(cell) | {"length": length} | look.raw(BY_LENGTH, cell, length))
            texts.append(
                {
                    "N": count(length),
                    "n": count(look.row("accuracy", cell, length).get("n")),
                    "Accuracy": shown(look.row("accuracy", cell, length), 3),
                    "Solved": shown(look.row("solved", cell, length), 2),
                    "Exact": shown(look.row("greedy_exact", cell, length), 2),
                    "Right before\nan error": shown(look.row("greedy_prefix", cell, length), 1),
                    "H(LM)": shown(look.row("entropy", cell, length), 1),
                    "H(LM+mem)": shown(look.row("entropy_with", cell, length), 1),
                    "Gain": shown(look.row("gain", cell, length), 1),
                }
            )
        heading = f"{cell.design}: {cell.model}, {kind_name(cell.kind)}, {in_words(cell.vectors)}, {arm_name(cell.arm)}"
        sections.append(Section(heading, pd.DataFrame(texts)))
    notes = (
        f"Means over n texts; brackets: {100 * look.confidence:g} % percentile bootstrap over texts. Accuracy: best "
        "over the steps, under teacher forcing. Solved: accuracy 1 and an exact greedy decode. Exact: share of "
        "texts that "
        f"greedy decoding gives back. H and gain in nats, N − 1 predicted tokens. {MISSING}: not measured.",
    )
    return table(look, "cramming-lengths", pd.DataFrame(made), sections, notes, "Cell")


def _place(cell: Cell) -> Row:
    return cell._asdict()
