"""Section on what the documents print (workflow/report/paper/audit.typ)."""

from tokentrial.claims import verdict as words
from tokentrial.report.paper.context import Paper, Values
from tokentrial.report.verdicts import EMPIRICAL


def values(paper: Paper) -> Values:
    """Every placeholder of the section; a finding without a verdict in this run is left out."""
    return {
        "audit.lead": lead(paper),
        "audit.chance": chance(paper),
        "audit.significance": significance(paper),
        "audit.accuracy": accuracy(paper),
        "audit.bespoke": bespoke(paper),
        "audit.cramming": cramming(paper),
    }


def lead(paper: Paper) -> str:
    mine = paper.verdicts[paper.verdicts["kind"] != EMPIRICAL]
    bad = int((mine["verdict"] == words.INCONSISTENT).sum())
    return (
        "No experiment is needed to compare a document with itself. Of "
        f"{paper.count(len(mine), 'claims and findings by checks')} claims and audit findings that rest on what is "
        "printed, "
        f"{paper.count(bad, 'claims and findings by checks, INCONSISTENT')} are contradicted. Each check reads a "
        "printed number as any value that rounds to it. Four groups matter most."
    )


def chance(paper: Paper) -> str:
    if "LE1-T53-LNV" not in paper.judged:
        return ""
    numbers = paper.recomputed("LE1-T53-LNV")
    total = sum(int(numbers[key]) for key in ("learned", "at_chance", "above_chance"))
    return (
        f"Of the {paper.count(total, 'mean losses of document 001')} mean losses that the comparison paper "
        f"prints, {paper.tally('LE1-T53-LNV', 'learned')} lie clearly below that "
        f"of a guess, {paper.tally('LE1-T53-LNV', 'at_chance')} at it and "
        f"{paper.tally('LE1-T53-LNV', 'above_chance')} above. Models that have learned nothing were compared, so "
        "equal losses show nothing about encodings."
    )


def significance(paper: Paper) -> str:
    claim = "LE1-ABS-941-TABLES"
    if claim not in paper.judged:
        return ""
    text = (
        f"Of the {paper.tally(claim, 'conditions')} conditions, #said[10] print a _p_, and "
        f"{paper.tally(claim, 'printed')} of these are below #said[0.05]; of those with means but no test, "
        f"{paper.tally(claim, 'recomputed')} "
        f"become significant when tested; {paper.tally(claim, 'unreported')} print no number. At most "
        f"{paper.tally(claim, 'most')} can be significant. "
    )
    if "LE1-T52-DP" in paper.judged:
        text += "No printed _p_ fits the printed effect size at the stated number of runs. "
    return text


def accuracy(paper: Paper) -> str:
    parts = []
    if paper.recomputed("LE0-TAB-CEILING"):
        parts.append(
            "On the data that the trade-off study @tradeoff describes, the best possible predictor is right in "
            f"{paper.claim('LE0-TAB-CEILING', 'ceiling', 2, scale=100)} % of cases; the study prints up to "
            "#said[8.3] %."
        )
    if paper.recomputed("LE0-TAB-GRIM"):
        parts.append(
            f"Of its {paper.tally('LE0-TAB-GRIM', 'means')} mean accuracies, "
            f"{paper.tally('LE0-TAB-GRIM', 'attainable')} can be a mean of whole right answers."
        )
    if paper.recomputed("LE0-TAB-RERUN"):
        parts.append("Its public code with its stated seed returns none of the printed accuracies.")
    return " ".join(parts)


def bespoke(paper: Paper) -> str:
    parts = []
    if paper.recomputed("BT3-MET-ENTROPY"):
        parts.append(
            f"The study of bespoke dimensions @bespoke prints {paper.tally('BT3-MET-ENTROPY', 'below')} losses "
            "below the entropy of its own corpus, which no predictor of the next token can reach, and "
            f"{paper.tally('BT3-BASE-ENTROPY', 'above')} baseline losses above it, which a trained model would "
            "not have."
        )
    if paper.recomputed("BT3-STAT-P"):
        parts.append(
            "Its _p_ < #said[0.001] cannot come from its seven ratios: a _t_ test gives "
            f"{paper.claim('BT3-STAT-P', 't_test', 2)}, and no exact test of seven values can go below "
            f"{paper.claim('BT3-STAT-P', 'smallest_exact', 3)}."
        )
    if paper.recomputed("BT3-CI-Q"):
        parts.append("Its confidence intervals are the smallest and the largest of selected rows.")
    return " ".join(parts)


def cramming(paper: Paper) -> str:
    if "CR4-LOSSLESS" not in paper.judged:
        return ""
    return (
        "The cramming paper @cramming is mostly consistent. Its _lossless_ is not: its public code counts a text "
        f"as compressed from a token accuracy of {paper.claim('CR4-LOSSLESS', '2.value', 2)}."
    )
