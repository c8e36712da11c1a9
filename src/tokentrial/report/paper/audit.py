"""Section on what the documents print (workflow/report/paper/audit.typ)."""

from scipy import stats

from tokentrial.claims import verdict as words
from tokentrial.report.paper.context import COUNTED, Paper, Values
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
        f"prints, {paper.tally('LE1-T53-LNV', 'learned')} {'lies' if numbers['learned'] in (0, 1) else 'lie'} clearly "
        f"below that of a guess; {paper.tally('LE1-T53-LNV', 'at_chance')} equal it and "
        f"{paper.tally('LE1-T53-LNV', 'above_chance')} exceed it. Models that have learned nothing were compared, so "
        "equal losses show nothing about encodings. The losses by compression ratio are those of a guess among "
        "#said[100] tokens, the logarithm of which is #said[4.605], although the paper states #said[20]. Our runs have "
        "both vocabularies."
    )


def significance(paper: Paper) -> str:
    claim = "LE1-ABS-941-TABLES"
    if claim not in paper.judged:
        return ""
    text = (
        f"Of the {paper.tally(claim, 'conditions')} conditions, #said[10] print a _p_, "
        f"{paper.tally(claim, 'printed')} of them below #said[0.05]. Of those with means but no test, "
        f"{paper.tally(claim, 'recomputed')} "
        f"become significant when tested, and {paper.tally(claim, 'unreported')} print no number. At most "
        f"{paper.tally(claim, 'most')} can be significant. "
    )
    if "LE1-T52-DP" in paper.judged:
        text += "No printed _p_ fits the printed effect size at the stated number of runs. "
    return text


def accuracy(paper: Paper) -> str:
    parts = []
    if paper.recomputed("LE0-TAB-CEILING"):
        parts.append(
            "The trade-off study @tradeoff does not say how likely each token follows another. In the data of its "
            "public code, the best possible predictor is right in "
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
    if paper.recomputed("LE0-ABS-5080"):
        parts.append(
            f"Of the {paper.tally('LE0-ABS-5080', 'values')} savings that it prints, "
            f"{paper.tally('LE0-ABS-5080', 'inside')} lie in its range of #said[50 to 80] %."
        )
    return " ".join(parts)


def bespoke(paper: Paper) -> str:
    parts = []
    if paper.recomputed("BT3-MET-ENTROPY"):
        parts.append(
            f"The study of bespoke dimensions @bespoke prints {paper.tally('BT3-MET-ENTROPY', 'below')} losses "
            "below the entropy of its own corpus, which no predictor of the next token can reach, and "
            f"{paper.tally('BT3-BASE-ENTROPY', 'above')} baseline losses above it, which leave room for a baseline "
            "that is trained longer."
        )
    if paper.recomputed("BT3-STAT-P"):
        ratios = [float(row["ratio"]) for row in paper.printed["bespoke-tests"].rows.values()]
        raw = float(stats.ttest_1samp(ratios, 1).pvalue)
        parts.append(
            "Its _p_ < #said[0.001] cannot come from its seven ratios: a _t_ test of their logarithms gives "
            f"{paper.claim('BT3-STAT-P', 't_test', 2)}, one of the ratios "
            f"{paper.number(raw, f'{COUNTED}: t test of the printed ratios against 1', 2)}, and a two-sided sign-flip "
            f"test of seven values cannot go below {paper.claim('BT3-STAT-P', 'smallest_exact', 3)}."
        )
    if paper.recomputed("BT3-CI-Q"):
        parts.append("Its confidence intervals are the smallest and the largest of selected rows.")
    return " ".join(parts)


def cramming(paper: Paper) -> str:
    if "CR4-LOSSLESS" not in paper.judged:
        return ""
    return (
        "The cramming paper @cramming is mostly consistent. It sets its ratios beside _lossless_ ones of earlier "
        "encoders, while its public code counts a text as compressed from a token accuracy of "
        f"{paper.claim('CR4-LOSSLESS', '2.value', 2)}."
    )
