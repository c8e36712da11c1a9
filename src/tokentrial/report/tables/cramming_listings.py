"""The cramming study's listings: entropy against length, the paper's settings, controls, every length."""

from collections.abc import Sequence

import pandas as pd

from tokentrial.cramming.cells import ALL, CONTROL, NATURAL, PAPER, STUDY, TUNED
from tokentrial.report.formats import MISSING, Section, Table, count, yes_no
from tokentrial.report.tables.cramming_rows import (
    Columns,
    Row,
    arm_name,
    columns,
    in_words,
    kind_name,
    notes_on_lengths,
    place,
    raw,
    shown,
    table,
)
from tokentrial.run.estimates import UNKNOWN, Scope
from tokentrial.run.view import View

LINE: Columns = {
    "Free slope": ("entropy_slope", 2),
    "Free offset": ("entropy_intercept", 1),
    "Offset at slope 1": ("fixed_offset", 1),
}
LIMITS: Columns = {
    "AUC of H": ("auc_entropy", 3),
    "AUC of N": ("auc_length", 3),
    "Difference": ("auc_difference", 3),
    "Coefficient\nof H": ("logistic_entropy", 2),
    "Coefficient\nof N": ("logistic_length", 2),
}
BY_LENGTH = (
    *("accuracy", "accuracy_without", "solved", "greedy_exact", "greedy_prefix"),
    *("entropy", "entropy_with", "gain", "steps", "solved_step"),
)
SETTING_COLUMNS: Columns = {
    "n": ("accuracy", 0),
    "Accuracy": ("accuracy", 3),
    "Solved": ("solved", 2),
    "Gain": ("gain", 1),
    "Steps": ("steps", 0),
    "Solved at": ("solved_step", 0),
}
CONTROL_COLUMNS: Columns = {
    "n": ("accuracy", 0),
    "Accuracy": ("accuracy", 3),
    "Exact": ("greedy_exact", 2),
    "Gain": ("gain", 1),
}
LENGTH_COLUMNS: Columns = {
    "n": ("accuracy", 0),
    "Accuracy": ("accuracy", 3),
    "Solved": ("solved", 2),
    "Exact": ("greedy_exact", 2),
    "Right before\nan error": ("greedy_prefix", 1),
    "H(LM)": ("entropy", 1),
    "H(LM+mem)": ("entropy_with", 1),
    "Gain": ("gain", 1),
}


def entropy(view: View) -> Table:
    """H(LM) against H(LM+mem): the free line beside the paper's, by kind and over kinds; what tells solved texts."""
    rows: list[Row] = []
    lines: list[Section] = []
    limits: list[Section] = []
    for group in view.estimates.groups:
        scopes = [*view.estimates.members(group), group]
        measures = [measure for measure, _ in (*LINE.values(), *LIMITS.values())]
        rows += [place(scope) | raw(view, measures, scope) for scope in scopes]
        heading = f"{group.model}, {in_words(group.vectors)}, {arm_name(view, group.arm)} settings"
        lines.append(Section(heading, pd.DataFrame([_line_shown(view, scope) for scope in scopes])))
        limits.append(Section(heading, pd.DataFrame([_limit_shown(view, group)])))
    notes = (
        f"H(LM) and H(LM+mem): entropy of a text under the model without and with the vectors, nats. Brackets: "
        f"{100 * view.confidence:g} % percentile bootstrap over texts. Free line: least squares over unsolved texts "
        "with H(LM) above twice the mean gain, where a vector is full; nearer to the elbow a slope is biased. Fixed "
        "slope: "
        "the paper's line of slope 1, whose offset is minus the mean gain.",
        "AUC: probability that a solved text has the smaller H (N) than an unsolved one. Coefficients: log odds of "
        "solved for one standard deviation of H and of N, both in one model, Firth's penalised likelihood. Separated: "
        f"H and N part solved from unsolved texts without an error. {MISSING}: not defined.",
    )
    return table(view, "cramming-entropy", pd.DataFrame(rows), [*lines, *limits], notes, "Model")


def _line_shown(view: View, scope: Scope) -> dict[str, str]:
    points = (view.estimates.get("entropy_slope", scope).note or MISSING).partition(" ")[0]
    return {"Text": kind_name(scope.kind), **columns(view, LINE, scope), "Points": points}


def _limit_shown(view: View, group: Scope) -> dict[str, str]:
    separated = view.estimates.get("logistic_length", group).note.startswith("separated")
    return {"Text": kind_name(ALL), **columns(view, LIMITS, group), "Separated": yes_no(separated)}


def settings(view: View) -> Table:
    """The paper's optimiser beside the tuned one, on the same texts."""
    rows: list[Row] = []
    sections: list[Section] = []
    for paper in [scope for scope in view.estimates.scopes if scope.arm == PAPER]:
        texts = []
        for scope in [each for each in (paper._replace(arm=TUNED), paper) if each in view.estimates.scopes]:
            for length in view.estimates.lengths(scope):
                rows.append(place(scope, length) | raw(view, BY_LENGTH, scope, length))
                first = {"Settings": arm_name(view, scope.arm), "N": count(length)}
                texts.append(first | columns(view, SETTING_COLUMNS, scope, length))
            rows.append(place(scope) | raw(view, ("information_gain_strict", "gain_difference"), scope))
        heading = f"{paper.model}, {kind_name(paper.kind)}, {in_words(paper.vectors)}"
        difference = shown(view.estimates.get("gain_difference", paper), 1, signed=True).replace("\n", " ")
        sections.append(Section(f"{heading}; gain of tuned minus the paper's: {difference} nats", pd.DataFrame(texts)))
    notes = (
        "The paper's: AdamW at 0.01, betas 0.9 and 0.9, decay 0.01, 5,000 steps, given up after 2,000 without "
        "progress. Tuned: the rate follows the embedding table's scale, with a cosine; see the config. Solved: "
        "right throughout "
        "and decoded exactly. Gain: all texts, N − 1 predicted tokens, nats. Solved at: mean step of solved texts.",
        notes_on_lengths(view),
    )
    return table(view, "cramming-settings", pd.DataFrame(rows), sections, notes, "Model")


def controls(view: View) -> Table:
    """Every control beside the tuned vectors of the same model, text and length; the untrained model."""
    rows: list[Row] = []
    sections: list[Section] = []
    scopes = view.estimates.scopes
    for arm in dict.fromkeys(scope.arm for scope in scopes if scope.arm in view.with_role(STUDY, CONTROL)):
        of_arm = [scope for scope in scopes if scope.arm == arm]
        sections += _control_section(view, of_arm, arm_name(view, arm), rows)
    untrained = [scope for scope in view.estimates.widest(NATURAL) if scope.model.startswith("untrained")]
    sections += _control_section(view, untrained, "an untrained model", rows)
    notes = (
        "Gain: cross-entropy taken away, all texts, N − 1 predicted tokens, nats; brackets: "
        f"{100 * view.confidence:g} % percentile bootstrap over texts. Tuned: the gain where each of the same texts "
        "has "
        "an optimised vector of its own. Exact: share of texts that greedy decoding gives back.",
    )
    return table(view, "cramming-controls", pd.DataFrame(rows), sections, notes, "Control")


def _control_section(view: View, scopes: Sequence[Scope], heading: str, rows: list[Row]) -> list[Section]:
    texts = []
    for scope in scopes:
        for length in view.estimates.lengths(scope):
            tuned = _tuned_at(view, scope, length)
            other = UNKNOWN if tuned in (None, scope) else view.estimates.get("gain", tuned, length)
            measured = raw(view, ("accuracy", "greedy_exact", "gain"), scope, length)
            rows.append(place(scope, length) | measured | {"tuned_gain": other.value})
            first = {"Model": scope.model, "Text": kind_name(scope.kind), "N": count(length)}
            texts.append(first | columns(view, CONTROL_COLUMNS, scope, length) | {"Tuned": shown(other, 1)})
    return [Section(heading, pd.DataFrame(texts))] if texts else []


def _tuned_at(view: View, scope: Scope, length: int) -> Scope | None:
    """The tuned vectors of the same model and text at this length, in whatever design."""
    wanted = (scope.model, scope.kind, scope.vectors, TUNED)
    others = [other for other in view.estimates.scopes if other[1:] == wanted]
    return next((other for other in others if view.estimates.get("gain", other, length) is not UNKNOWN), None)


def lengths(view: View) -> Table:
    """Every length of every cell."""
    rows: list[Row] = []
    sections: list[Section] = []
    for scope in view.estimates.scopes:
        texts = []
        for length in view.estimates.lengths(scope):
            rows.append(place(scope, length) | raw(view, BY_LENGTH, scope, length))
            texts.append({"N": count(length), **columns(view, LENGTH_COLUMNS, scope, length)})
        of = (scope.model, kind_name(scope.kind), in_words(scope.vectors), arm_name(view, scope.arm))
        sections.append(Section(f"{scope.design}: {', '.join(of)}", pd.DataFrame(texts)))
    notes = (
        f"Means over n texts; brackets: {100 * view.confidence:g} % percentile bootstrap over texts. Accuracy: best "
        "over the steps, under teacher forcing. Solved: accuracy 1 and an exact greedy decode. Exact: share of "
        "texts that "
        f"greedy decoding gives back. H and gain in nats, N − 1 predicted tokens. {MISSING}: not measured.",
    )
    return table(view, "cramming-lengths", pd.DataFrame(rows), sections, notes, "Cell")
