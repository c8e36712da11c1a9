"""The report says which rates the models were trained at, by the rows, whatever the config lists."""

import re
from typing import Any

import pandas as pd
import views

from tokentrial.report.learning_rates import rates_used, source_words
from tokentrial.run.view import View

MARKOV, BASELINES = (
    "learned_encoding/markov/done-right/ratio-8-mean-pool",
    "learned_encoding/baselines/done-right/zipf-v100",
)


def chosen(condition: str, rates: dict[str, list[float]]) -> list[tuple[Any, ...]]:
    return [
        (condition, arm, seed, "validation", None, "learning_rate", rate)
        for arm, values in rates.items()
        for seed, rate in enumerate(values)
    ]


def view_of(*rows: tuple[Any, ...], **given: Any) -> View:
    columns = ["condition", "arm", "seed", "split", "step", "metric", "value"]
    return views.view(runs=pd.DataFrame(list(rows), columns=columns), **given)


def test_rates_are_those_of_each_experiments_arms() -> None:
    rates = {"learned": [0.01, 0.04], "full": [0.04, 0.04], "pca": [0.01, 0.04], "noise_walk": [0.02, 0.02]}
    single = {"learned": [0.005, 0.005], "unigram": [0.005, 0.005], "noise_walk": [0.02, 0.02]}
    rows = [*chosen(MARKOV, single), *chosen(BASELINES, rates)]
    rows += chosen("learned_encoding/markov/as-described/ratio-8", {"learned": [0.9]})
    said = rates_used(view_of(*rows))
    assert said == "Markov chain (000): 0.005; Baselines (001): 0.01 and 0.04 (learned, PCA), 0.04 (full table)"


def test_more_than_three_rates_of_an_arm_are_a_range() -> None:
    rates = {"learned": [0.01, 0.02, 0.04, 0.08], "full": [0.02] * 4}
    assert (
        rates_used(view_of(*chosen(BASELINES, rates))) == "Baselines (001): 0.01 to 0.08 (learned), 0.02 (full table)"
    )


def test_arms_of_the_same_rates_are_named_together_and_a_name_has_no_comma() -> None:
    alike = {"learned": [0.01, 0.04], "full": [0.04, 0.01]}
    assert rates_used(view_of(*chosen(BASELINES, alike))) == "Baselines (001): 0.01 and 0.04 (every arm)"
    apart = {"autoencoder_random": [0.01], "learned": [0.04]}
    said = rates_used(view_of(*chosen(BASELINES, apart))).replace("\\", "")
    assert said == "Baselines (001): 0.01 (autoencoder [random table]), 0.04 (learned)"


def test_how_many_rates_were_searched_is_said() -> None:
    def said(**sources: str | None) -> str:
        arms = [
            {"study": "learned_encoding", "condition": MARKOV, "arm": arm, "rate_source": source, "steps": arm != "pca"}
            for arm, source in sources.items()
        ]
        frame = pd.DataFrame(arms).reindex(columns=views.SCHEMAS["arms"].names)
        return source_words(views.view(arms=frame))

    assert said(learned="search", full="search", noise_walk="study").startswith("All 2 fair arms train at a rate")
    assert said(learned="search", full="search", pca="study").startswith("All 2 fair arms")  # nothing of it is trained
    assert said(learned="search", full="study").startswith("1 of 2 fair arms train at a searched rate")
    assert said(learned="study", full=None).startswith("No rate was searched")


def test_the_shipped_rows_have_the_rates_of_their_experiments() -> None:
    """What the sentence says of the shipped run is what its rows say, arm by arm."""
    view = View.read(views.shipped(), 0.95).only("learned_encoding")
    said = rates_used(view)
    rows = view.runs[(view.runs["metric"] == "learning_rate") & view.runs["condition"].str.contains("/done-right/")]
    signal = rows[rows["condition"].str.contains("/signal/") & (rows["arm"] == "one_hot")]
    rates = " and ".join(f"{rate:g}" for rate in sorted({round(value, 6) for value in signal["value"]}))
    assert re.search(rf"; Signal \(001, 002\): .*{rates} \([^)]*one-hot", said)
    assert source_words(view).startswith("All ")
    for condition in rows["condition"].unique():
        assert view.condition(str(condition)).short in said.replace("\\", "")
