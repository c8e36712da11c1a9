"""Closed forms that training must reach, and what must not reach them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tokentrial import results
from tokentrial.data.spec import SPLITS
from tokentrial.training.condition import train_condition


def final(spec: dict[str, Any], data: Any) -> pd.DataFrame:
    """Final values, one row per (arm, seed), columns (split, metric)."""
    trained, levels = train_condition(spec, data)
    rows = pd.DataFrame([r for arm in trained for r in arm.rows] + levels, columns=results.Measurement._fields)
    chosen = rows[rows["step"].isna()]
    return chosen.pivot(index=["arm", "seed"], columns=["split", "metric"], values="value")


FULL_BATCH = {"learning_rates": [0.05], "steps": 400, "batch_size": None, "evaluations": 20, "select": "last"}


def conditional_entropy(pairs: np.ndarray) -> float:
    """H(second | first) in nats of the empirical law of pairs (n, 2)."""
    _, joint = np.unique(pairs, axis=0, return_counts=True)
    _, first = np.unique(pairs[:, 0], return_counts=True)
    share, marginal = joint / len(pairs), first / len(pairs)
    return float(-(share * np.log(share)).sum() + (marginal * np.log(marginal)).sum())


@pytest.mark.parametrize("name", ["learned", "full", "one_hot", "pca", "autoencoder_finetuned"])
def test_a_deterministic_text_is_learned_to_its_floor_of_zero(name: str, arms: Any, spec_of: Any, data_of: Any) -> None:
    patterns = {"source": "patterns", "kind": "proof_of_concept", "variant": "described", "vocab_size": 20, "length": 8}
    spec = spec_of(vocab_size=20, hidden=32, training=FULL_BATCH, arms={name: arms[name]})
    values = final(spec, data_of(**patterns))
    assert (values.loc["reference.floor"][("test", "cross_entropy")] == 0).all()
    assert (values.loc[name][("test", "cross_entropy")].between(0, 0.02)).all()
    assert (values.loc[name][[(split, "accuracy") for split in SPLITS]] == 1).all(axis=None)


def test_the_model_without_input_learns_the_unigram(arms: Any, spec_of: Any, data_of: Any) -> None:
    data = data_of(train=300, test=300)
    values = final(spec_of(training=FULL_BATCH, arms={"unigram": arms["unigram"]}), data)
    for seed in range(3):
        found, true = (values.loc[arm, seed] for arm in ("unigram", "reference.unigram"))
        entropy = {}
        for split in ("train", "test"):
            counts = np.bincount(data.tokens[split][seed][:, 1:].ravel(), minlength=12)
            share = counts[counts > 0] / counts.sum()
            entropy[split] = float(-(share * np.log(share)).sum())
        # no constant prediction is better than the text's own shares; the optimiser ends within 0.001 nats of them
        assert 0 <= found[("train", "cross_entropy")] - entropy["train"] + 1e-6 < 1e-3
        assert found[("test", "cross_entropy")] > entropy["test"]
        # 1,500 tokens with a standard deviation below 1 nat: four standard errors of the sampled loss are 0.1 nats
        assert abs(found[("test", "cross_entropy")] - true[("test", "cross_entropy")]) < 0.1


def test_a_table_per_token_reaches_the_conditional_entropy(arms: Any, spec_of: Any, data_of: Any) -> None:
    data = data_of(train=120, test=120)
    spec = spec_of(hidden=32, training=FULL_BATCH, arms={name: arms[name] for name in ("one_hot", "full")})
    values = final(spec, data)
    for seed in range(3):
        tokens = data.tokens["train"][seed]
        floor = conditional_entropy(np.stack([tokens[:, :-1].ravel(), tokens[:, 1:].ravel()], axis=1))
        for name in ("one_hot", "full"):
            # nothing that sees the current token alone is better on this text; 400 steps end within 0.02 nats of it
            assert 0 <= values.loc[name, seed][("train", "cross_entropy")] - floor + 1e-6 < 0.02


def test_held_out_loss_reaches_the_sources_own(arms: Any, spec_of: Any, data_of: Any) -> None:
    data = data_of(train=4000, validation=500, test=1000)
    training = {"learning_rates": [0.02], "steps": 800, "batch_size": 64, "evaluations": 20}
    values = final(spec_of(hidden=32, training=training, arms={"full": arms["full"]}), data)[("test", "cross_entropy")]
    excess = values.loc["full"] - values.loc["reference.oracle"]
    # 12 rows of 11 free shares from 20,000 pairs cost 132 / 40,000 = 0.003 nats, stochastic optimisation about as much
    assert excess.between(-0.003, 0.03).all(), excess


def test_the_noise_walk_does_not_learn(arms: Any, spec_of: Any, data_of: Any) -> None:
    spec = spec_of(training={"steps": 200}, arms={name: arms[name] for name in ("learned", "noise_walk")})
    values = final(spec, data_of())[("test", "cross_entropy")]
    assert (values.loc["learned"] < values.loc["reference.unigram"]).all()
    assert (values.loc["noise_walk"] > values.loc["reference.unigram"]).all()
