"""Advice and limits (workflow/report/paper/discussion.typ), and the advice as Markdown."""

from collections.abc import Sequence

import pandas as pd

from tokentrial.real_text import UNNAMED
from tokentrial.report.advice import Advice
from tokentrial.report.paper.context import Paper, Values, listed, plain
from tokentrial.report.real_model_names import text_name


def values(paper: Paper, advice: Sequence[Advice]) -> Values:
    """Every placeholder of the section."""
    lines = []
    for each in advice:
        counts = {(part.row or paper.view.difference_on("test", *part.apart))["n"] for part in each.evidence}
        same = len(counts) == 1
        shown = [
            f"{plain(part.words)} "
            + (paper.difference(part.row, n=not same, unit=False) if part.row else paper.apart(*part.apart, n=not same))
            for part in each.evidence
        ]
        where = f" _{plain(each.condition)}{f', n = {min(counts)}' if same else ''}:_"
        lines.append(f"- *{plain(each.text)}*{where} {'; '.join(shown)}.")
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
    tested = [plain(text_name(each)) for each in paper.of("real_model").select() if not each.tied]
    lines = [
        f"The models trained here are small, with {seeds(paper, fair['n'])} seeds in the fair design."
        if len(fair)
        else "This run has no fair design.",
        *(["We tested one pretrained model; nothing extends to large models."] if tested else []),
        f"The language models are trained on {plain(view.corpus)} alone"
        + (f"; the pretrained model reads {listed(tested)}." if tested else ".")
        if view.corpus != UNNAMED
        else "This run has no real text with a name.",
        *unequal(paper),
        "Rates are searched on other seeds within a limited number of doublings, and steps are those of the "
        "design: an arm that still improves at its last step could end elsewhere.",
        *(["Each size of a cramming model is one trained model, so a difference of sizes has no interval over models."]
          if len(paper.of("cramming").select()) else []),
        "Claims were chosen, worded and judged by one team; nobody else coded them independently, and the documents' "
        "authors were not asked. The rules are public and frozen, but the choice of claims is a judgement.",
        "A check that finds nothing does not prove a number right: @instrument counts the planted errors that the "
        "checks miss.",
    ]  # fmt: skip
    return "\n".join(f"- {line}" for line in lines)


def unequal(paper: Paper) -> list[str]:
    """What a comparison with the full table lacks, if the learned arm has had more steps than any full table."""
    arms = [arm for each in paper.of("language_models").select() for arm in paper.view.arms_of(each.id)]
    if not any(arm.startswith("learned_twice") for arm in arms) or any(arm.startswith("full_twice") for arm in arms):
        return []
    return [
        "No full table has had more than one stage of training, so a learned table below it that was trained for "
        "longer shows the effect of training longer, too."
    ]
