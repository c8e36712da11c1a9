"""The first page's table: what the fair arms say, by sub-study."""

import pandas as pd

from tokentrial.report.catalogue import STUDY_TITLES

ALPHA = 0.05
# The comparison that the documents are about: the learned encoding against the codes of a trained autoencoder. The
# sub-study of the autoencoder's variants compares with those, since its standard one repeats another sub-study's cells.
BASELINE = "autoencoder"
VARIANTS = "baselines"


def headline(statistics: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """One row per sub-study, over its cells done right: outcomes on held-out loss, and the differences' range.

    A cell can be both significant and equivalent (a difference that is there, and too small to matter). Differences are
    learned minus autoencoder in nats: below zero the learned encoding is better.
    """
    fair = statistics["condition"].str.contains("/done-right/") & (statistics["metric"] == "cross_entropy")
    variants = statistics["condition"].str.contains(f"/{VARIANTS}/") & (statistics["arm_b"] != BASELINE)
    standard = ~statistics["condition"].str.contains(f"/{VARIANTS}/") & (statistics["arm_b"] == BASELINE)
    pairs = statistics[fair & statistics["arm_b"].str.startswith(BASELINE) & (variants | standard)]
    unigram = no_better_than_unigram(summary)
    rows = []
    for study, group in pairs.groupby(pairs["condition"].str.split("/").str[1], sort=False):
        significant = group["p_holm"] < ALPHA
        rows.append(
            {
                "Sub-study": STUDY_TITLES.get(str(study), str(study)),
                "Comparisons": len(group),
                "Seeds": int(group["n"].min()),
                "Learned better": int((significant & (group["difference"] < 0)).sum()),
                "Learned worse": int((significant & (group["difference"] > 0)).sum()),
                "Equivalent": int(group["equivalent"].sum()),
                "Smallest difference": float(group["difference"].min()),
                "Largest difference": float(group["difference"].max()),
                "Nothing learned": int(group["condition"].isin(unigram).sum()),
            }
        )
    return pd.DataFrame(rows)


def no_better_than_unigram(summary: pd.DataFrame) -> set[str]:
    """Conditions in which neither the learned encoding nor the autoencoder beats the best constant prediction."""
    losses = summary[(summary["metric"] == "cross_entropy") & summary["arm"].isin(["learned", BASELINE])]
    helpless = losses["flag"].isin(["unigram", "untrained"]).groupby(losses["condition"]).all()
    return set(helpless[helpless].index)
