"""The first page's table: what the fair arms say, by sub-study."""

import pandas as pd

from tokentrial.real_text import UNNAMED
from tokentrial.report.catalogue import sub_study_title
from tokentrial.statistics.tables import method

# The comparison that the documents are about, by study, or by sub-study where it differs: the learned encoding against
# the codes of a trained autoencoder; bespoke widths against the uniform table. The sub-study of the autoencoder's
# variants compares with those, since its standard one repeats another sub-study's cells.
BASELINES = {
    "learned_encoding": ("autoencoder",),
    "language_models": ("autoencoder",),
    "bespoke": ("standard",),
    "language_models/bespoke": ("full",),
    "learned_encoding/baselines": (
        *("autoencoder_relu", "autoencoder_deep", "autoencoder_variational", "autoencoder_random"),
        *("autoencoder_deep_random", "autoencoder_variational_random", "autoencoder_finetuned"),
    ),
}
# A row of the table.
COLUMNS = [
    *("Sub-study", "Comparisons", "Seeds", "Better", "Worse", "Equivalent", "Smallest difference"),
    *("Largest difference", "Nothing learned"),
]


def headline(statistics: pd.DataFrame, summary: pd.DataFrame, alpha: float, corpus: str = UNNAMED) -> pd.DataFrame:
    """One row per sub-study, over its cells done right: outcomes on held-out loss, and the differences' range.

    A cell can be both significant and equivalent (a difference that is there, and too small to matter). Differences are
    in nats, the documents' own encoding minus its baseline: below zero their encoding is better. alpha: the level of
    significance of Holm's p; corpus: the title of the run's real text.
    """
    pairs = central(statistics)
    helpless = no_better_than_unigram(summary)
    rows = []
    for (_, name), group in pairs.groupby(["study", "sub_study"], sort=False):
        significant = group["p_holm"] < alpha
        nothing = [
            (condition, a) in helpless and (condition, b) in helpless
            for condition, a, b in zip(group["condition"], group["arm_a"], group["arm_b"], strict=True)
        ]
        rows.append(
            {
                "Sub-study": sub_study_title(str(name), corpus),
                "Comparisons": len(group),
                "Seeds": int(group["n"].min()),
                "Better": int((significant & (group["difference"] < 0)).sum()),
                "Worse": int((significant & (group["difference"] > 0)).sum()),
                "Equivalent": int(group["equivalent"].sum()),
                "Smallest difference": float(group["difference"].min()),
                "Largest difference": float(group["difference"].max()),
                "Nothing learned": sum(nothing),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def central(statistics: pd.DataFrame) -> pd.DataFrame:
    """The comparisons of the documents' question, done right, on held-out loss, with their sub-study."""
    fair = statistics["condition"].str.contains("/done-right/") & (statistics["metric"] == "cross_entropy")
    found = statistics[fair].assign(sub_study=statistics.loc[fair, "condition"].str.split("/").str[1])

    def asked(row: pd.Series) -> bool:
        key = f"{row['study']}/{row['sub_study']}"
        own = method(str(row["arm_a"])) in ("learned", "bespoke")
        return own and method(str(row["arm_b"])) in BASELINES.get(key, BASELINES.get(str(row["study"]), ()))

    return found[pd.Series([asked(row) for _, row in found.iterrows()], index=found.index, dtype=bool)]


def no_better_than_unigram(summary: pd.DataFrame) -> set[tuple[str, str]]:
    """(condition, arm) of arms that do not beat the best constant prediction."""
    losses = summary[(summary["metric"] == "cross_entropy") & summary["flag"].isin(["unigram", "untrained"])]
    return set(zip(losses["condition"], losses["arm"], strict=True))
