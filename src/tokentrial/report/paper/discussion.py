"""Advice and limits (workflow/report/paper/discussion.typ), and the advice as Markdown."""

from collections.abc import Sequence

import pandas as pd

from tokentrial.report.advice import Advice
from tokentrial.report.paper.context import Paper, Values, plain


def values(paper: Paper, advice: Sequence[Advice]) -> Values:
    """Every placeholder of the section."""
    lines = []
    for each in advice:
        shown = [
            f"{plain(part.words)} {paper.difference(part.row) if part.row else paper.apart(*part.apart)}"
            for part in each.evidence
        ]
        lines.append(f"- *{plain(each.text)}* {'; '.join(shown)}.")
    return {
        "discussion.advice": "\n".join(lines) or "This run has no comparison that advice could follow from.",
        "discussion.limits": limits(paper),
    }


def seeds(paper: Paper, numbers: "pd.Series[int]") -> str:
    """``ten``, or ``three to ten`` where arms have different numbers of seeds."""
    ends = {"fewest": int(numbers.min()), "most": int(numbers.max())}
    shown = [paper.count(end, f"{name} seeds of the fair design") for name, end in ends.items()]
    return shown[0] if ends["fewest"] == ends["most"] else " to ".join(shown)


def limits(paper: Paper) -> str:
    """What bounds the run's reach, in one place."""
    view = paper.view
    fair = view.summary[view.summary["condition"].isin(view.of_way("done-right"))]
    lines = [
        f"The models trained here are small, with {seeds(paper, fair['n'])} seeds in the fair design; nothing they "
        "show speaks for large models, and the pretrained model is one."
        if len(fair)
        else "This run has no fair design.",
        f"The real text is {plain(view.corpus)}; a claim about text in general needs more than one."
        if view.corpus
        else "This run has no real text.",
        "Rates are searched on other seeds within a limited number of doublings, and steps are those of the "
        "design: an arm that still improves at its last step could end elsewhere.",
        "Claims were chosen, worded and judged by one team. The rules are frozen and public, the choice of claims "
        "is a judgement.",
        "A check that finds nothing does not prove a number right: @instrument shows which planted errors the "
        "checks miss.",
    ]
    return "\n".join(f"- {line}" for line in lines)
