"""From notes and comparisons to a finding: the parts of a reason that all rules share."""

from collections.abc import Mapping, Sequence

from tokentrial.claims.rules.contrasts import Contrast
from tokentrial.claims.rules.outcomes import number, unit
from tokentrial.claims.verdict import ARTEFACT, INCONCLUSIVE, TOO_SMALL, Finding, Value

WIDE = 0.2
"""Share of what there is to learn above which a reason says how wide a margin is."""


def finding(verdict: str, recomputed: Mapping[str, Value], notes: Sequence[str], ids: Sequence[str]) -> Finding:
    """The notes as one sentence, the comparisons without repeats; rows: those of statistics.parquet that they are."""
    text = "; ".join(note for note in notes if note)
    unique = tuple(dict.fromkeys(ids))
    return Finding(verdict, recomputed, f"{text[0].upper()}{text[1:]}.", unique, rows=len(unique))


def limits(
    found: Sequence[Contrast], shown: Contrast, verdict: str, seeds: int, missing: Sequence[str], differs: str
) -> list[str]:
    """What keeps the run from saying more: too few seeds, what it could detect, what it lacks, another design."""
    fewest = min(entry.n for entry in found)
    smallest = f"equivalent under any margin above {shown.smallest_margin or 0:.4g}, here {shown.margin:.4g}"
    detectable = f"minimal detectable difference {number(shown.detectable)}{unit(shown.metric)}"
    return [
        f"{fewest} of the {seeds} seeds that the rule asks for" if fewest < seeds else "",
        smallest if verdict == TOO_SMALL and shown.equivalent else "",
        detectable if verdict == INCONCLUSIVE and shown.detectable is not None else "",
        f"missing in this run: {', '.join(missing)}" if missing else "",
        f"design: {differs}" if differs else "",
    ]


def released_note(planned: int, showing: int, verdict: str) -> str:
    """How many released cells show the effect."""
    if not planned:
        return ""
    text = f"the released code shows the effect in {showing} of {planned} cells"
    return f"{text}, the fair arms do not" if verdict == ARTEFACT else text


def wide(shown: Contrast) -> str:
    """A note where the margin is more than a fifth of what there is to learn: equivalence then says little."""
    share = shown.margin_share
    if share is None or share <= WIDE:
        return ""
    return f"the margin is {share:.0%} of the distance from the best constant prediction to the best possible"
