"""The first page's table: what the fair arms say, by experiment."""

import pandas as pd

from tokentrial.run.budget import equal_training
from tokentrial.run.columns import Condition
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View

# A row of the table.
COLUMNS = [
    *("Experiment", "Comparisons", "Seeds", "Equal training", "Better", "Worse", "Equivalent"),
    *("Smallest difference", "Largest difference", "Nothing learned"),
]


def headline(view: View) -> pd.DataFrame:
    """One row per experiment, over its conditions done right: outcomes on held-out loss, and the differences' range.

    A comparison can be both significant and equivalent (a difference that is there, and too small to matter).
    Differences are in nats, the documents' own encoding minus its baseline: below zero their encoding is better.
    """
    helpless = no_better_than_unigram(view.summary)
    rows = []
    for _, group in central(view).groupby(["study", "experiment"], sort=False):
        significant = group["p_holm"] < view.alpha
        nothing = [
            (condition, a) in helpless and (condition, b) in helpless
            for condition, a, b in zip(group["condition"], group["arm_a"], group["arm_b"], strict=True)
        ]
        rows.append(
            {
                "Experiment": view.condition(group["condition"].iloc[0]).title,
                "Comparisons": len(group),
                "Seeds": int(group["n"].min()),
                "Equal training": int(group["equal_training"].sum()),
                "Better": int((significant & (group["difference"] < 0)).sum()),
                "Worse": int((significant & (group["difference"] > 0)).sum()),
                "Equivalent": int(group["equivalent"].sum()),
                "Smallest difference": float(group["difference"].min()),
                "Largest difference": float(group["difference"].max()),
                "Nothing learned": sum(nothing),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def central(view: View) -> pd.DataFrame:
    """The comparisons of the documents' question, done right, on held-out loss, with experiment and equal_training.

    A baseline is compared with the own encodings that have had equal training (run.budget), or if none has, with the
    first encoding of the question: the document's own, as long as it trains.
    """
    rows = view.statistics
    fair = rows[rows["condition"].isin(view.of_way("done-right")) & (rows["metric"] == LOSS)]
    conditions = [view.condition(name) for name in fair["condition"]]
    places = [_place(view, *each) for each in zip(conditions, fair["arm_a"], fair["arm_b"], strict=True)]
    described = fair.assign(experiment=[each.experiment for each in conditions])
    described["place"] = pd.Series(places, index=fair.index, dtype="Int64")
    asked = described[described["place"].notna()]
    equal = [
        bool(equal_training(view, *each))
        for each in zip(asked["condition"], asked["arm_a"], asked["arm_b"], strict=True)
    ]
    asked = asked.assign(equal_training=pd.Series(equal, index=asked.index, dtype=bool))
    against = asked.groupby(["condition", "arm_b"])
    some_equal = against["equal_training"].transform("any").astype(bool)
    first = asked["place"] == against["place"].transform("min")
    return asked[asked["equal_training"] | (~some_equal & first)].drop(columns="place")


def _place(view: View, condition: Condition, arm: str, other: str) -> int | None:
    """The place of an encoding among those of the condition's question; None if the question is not about the pair."""
    method, baseline = (view.method(condition.study, each).method for each in (arm, other))
    encodings = condition.encodings.split()
    return encodings.index(method) if method in encodings and baseline in condition.baselines.split() else None


def no_better_than_unigram(summary: pd.DataFrame) -> set[tuple[str, str]]:
    """(condition, arm) of arms that do not beat the best constant prediction."""
    losses = summary[(summary["metric"] == LOSS) & summary["flag"].isin(["unigram", "untrained"])]
    return set(zip(losses["condition"], losses["arm"], strict=True))
