"""Which reference level bounds which arm."""

from typing import Any

import pandas as pd
import pytest

from tokentrial.training.reference import first_known, reference_rows


def frame(**quantities: float) -> pd.DataFrame:
    """One replicate's levels on the test split, beside other numbers for the training split."""
    rows = [(0, "test", name, value, "nats") for name, value in quantities.items()]
    rows += [(0, "train", name, value + 100, "nats") for name, value in quantities.items()]
    return pd.DataFrame(rows, columns=["seed", "split", "quantity", "value", "unit"])


CHAIN = frame(
    chance=3.0, accuracy_chance=0.05, unigram=2.5, accuracy_constant=0.2,
    floor_token=2.0, accuracy_token=0.4, floor_history=1.0, accuracy_history=0.6,
    oracle_token=2.1, accuracy_oracle_token=0.41, oracle_history=1.1, accuracy_oracle_history=0.61,
)  # fmt: skip
NOISY = CHAIN[~CHAIN["quantity"].isin(["floor_history", "accuracy_history"])]
SHUFFLED = NOISY[~NOISY["quantity"].isin(["oracle_history", "accuracy_oracle_history"])]
NOTHING_MORE = {"chance": (3.0, 0.05), "unigram": (2.5, 0.2)}


@pytest.mark.parametrize(
    ("levels", "context", "expected"),
    [
        (CHAIN, "token", {"floor": (2.0, 0.4), "oracle": (2.1, 0.41)}),
        (CHAIN, "history", {"floor": (1.0, 0.6), "oracle": (1.1, 0.61)}),
        (NOISY, "token", {"floor": (2.0, 0.4), "oracle": (2.1, 0.41)}),
        (NOISY, "history", {"floor": (1.1, 0.61), "oracle": (1.1, 0.61)}),  # no closed form: the sample's own
        (SHUFFLED, "history", {"floor": (2.0, 0.4), "oracle": (2.1, 0.41)}),  # nothing known but the token's
    ],
)
def test_the_floor_is_that_of_what_the_model_sees(levels: pd.DataFrame, context: str, expected: Any) -> None:
    rows = reference_rows(levels, context)
    found = {row.arm.removeprefix("reference."): {} for row in rows}
    for row in rows:
        found[row.arm.removeprefix("reference.")][row.metric] = row.value
        assert (row.seed, row.split, row.step) == (0, "test", None)
        assert row.unit == {"cross_entropy": "nats", "accuracy": "fraction"}[row.metric]
    pairs = {name: (values["cross_entropy"], values["accuracy"]) for name, values in found.items()}
    assert pairs == NOTHING_MORE | expected


def test_every_replicate_has_its_own_row() -> None:
    both = pd.concat([CHAIN, CHAIN.assign(seed=7, value=CHAIN["value"] + 1)])
    rows = [row for row in reference_rows(both, "token") if row.metric == "cross_entropy"]
    floors = {row.seed: row.value for row in rows if row.arm == "reference.floor"}
    assert floors == {0: 2.0, 7: 3.0}


def test_unknown_quantities_give_no_row() -> None:
    assert reference_rows(frame(loss_train_rule=3.3, accuracy_train_rule=0.1), "token") == [
        ("reference.train_rule", 0, "test", None, "cross_entropy", 3.3, "nats"),
        ("reference.train_rule", 0, "test", None, "accuracy", 0.1, "fraction"),
    ]
    assert first_known("floor_{context}", "history", {"floor_history", "oracle_history"}) == "floor_history"
    assert first_known("unigram", "history", {"floor_history"}) is None


PATTERNS = {"source": "patterns", "variant": "described", "vocab_size": 20}


@pytest.mark.parametrize(
    ("changes", "head_sees", "best_possible"),
    [
        ({}, "token", "floor_token"),
        ({"shuffle": True}, "token", "floor_token"),
        ({**PATTERNS, "kind": "complex"}, "history", "floor_history"),
        ({**PATTERNS, "kind": "semi_random"}, "history", "oracle_history"),
    ],
)
def test_levels_of_real_sources(changes: dict[str, Any], head_sees: str, best_possible: str, data_of: Any) -> None:
    reference = data_of(**changes).reference
    test = reference[reference["split"] == "test"]
    expected = test[test["quantity"] == best_possible]["value"].tolist()
    rows = reference_rows(reference, head_sees)
    found = {(r.arm, r.metric): [q.value for q in rows if q[0::4] == r[0::4]] for r in rows}
    assert found["reference.floor", "cross_entropy"] == expected
    for seed in range(3):  # better informed is never worse
        losses = [found[f"reference.{name}", "cross_entropy"][seed] for name in ("floor", "unigram", "chance")]
        assert losses[1] <= losses[2]
        assert losses[0] < losses[1]
