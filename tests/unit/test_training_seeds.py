"""Seeds as a batch dimension: a seed's numbers are its own, reproducible, and paired across arms."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tokentrial import config
from tokentrial.data.spec import SPLITS
from tokentrial.training import condition, loop
from tokentrial.training.condition import fit_arm, train_condition
from tokentrial.training.loop import Fit

HEADS = {"token_mlp": "all", "mean_pool": "last", "window_mlp": "last"}  # head -> targets
ONE_RATE, TWO_RATES = [0.01], [0.01, 0.05]
BATCH, ALONE = range(10), (0, 7)
NARROW = ("learned", "factorised", "noise_walk", "unigram")


def both_ways(
    spec: dict[str, Any], data: Any, job_of: Any, arms: dict[str, Any]
) -> Iterator[tuple[str, int, Fit, Fit]]:
    """(arm, seed, the fit of a batch of ten seeds, the fit of this seed alone)."""
    together = job_of(spec, data, BATCH)
    alone = {seed: job_of(spec, data, (seed,)) for seed in ALONE}
    for name, options in arms.items():
        batch = fit_arm(together, name, options)[2]
        for seed, job in alone.items():
            yield name, seed, batch, fit_arm(job, name, options)[2]


def assert_same_bits(name: str, seed: int, batch: Fit, single: Fit) -> None:
    for key, value in batch.parameters.items():
        assert torch.equal(value[seed], single.parameters[key][0]), (name, seed, key)
    assert int(batch.step[seed]) == int(single.step[0])
    assert float(batch.learning_rate[seed]) == float(single.learning_rate[0])
    for (step, losses), (own_step, own) in zip(batch.curve, single.curve, strict=True):
        assert (step, float(losses[seed])) == (own_step, float(own[0])), (name, seed)


@pytest.mark.parametrize(
    ("head", "rates"),
    [("token_mlp", ONE_RATE), ("token_mlp", TWO_RATES), ("mean_pool", ONE_RATE), ("window_mlp", ONE_RATE)],
)
def test_a_seed_alone_and_in_a_batch_of_ten(
    head: str, rates: list[float], arms: Any, job_of: Any, spec_of: Any, data_of: Any
) -> None:
    """Tolerance: none, the bits are equal, for every arm whose code has two numbers or more.

    Seeds never meet in an operation, and every kernel used (batched matrix products, elementwise, sums over inner axes,
    embedding) adds up one seed's numbers in an order that does not depend on how many seeds there are.
    """
    spec = spec_of(head=head, training={"learning_rates": rates, "steps": 12, "evaluations": 3})
    wide = {name: options for name, options in arms.items() if options["encoder"] != "unigram"}
    for pair in both_ways(spec, data_of(seeds=10, targets=HEADS[head]), job_of, wide):
        assert_same_bits(*pair)


@pytest.mark.parametrize("head", HEADS)
def test_a_code_of_one_number(head: str, arms: Any, job_of: Any, spec_of: Any, data_of: Any) -> None:
    """Tolerance: 1e-6 of the loss and 1e-5 of a weight, a few float32 roundings (6e-8) of each step.

    The product of one matrix with one vector is another routine than a batch of them, and adds up in another order. It
    is used where one seed trains alone at one learning rate, and its code or the whole of what it sees is one number.
    """
    data = data_of(seeds=10, targets=HEADS[head])
    narrow = {name: arms[name] for name in NARROW}
    for _, seed, batch, single in both_ways(
        spec_of(head=head, width=1, training={"learning_rates": ONE_RATE}), data, job_of, narrow
    ):
        for key, value in batch.parameters.items():
            torch.testing.assert_close(value[seed], single.parameters[key][0], rtol=1e-5, atol=1e-5)
        for (_, losses), (_, own) in zip(batch.curve, single.curve, strict=True):
            assert float(losses[seed]) == pytest.approx(float(own[0]), rel=1e-6)
    two = spec_of(head=head, width=1, training={"learning_rates": TWO_RATES})  # two models are a batch: the same bits
    gradients = {name: options for name, options in narrow.items() if name != "noise_walk"}  # which has no second rate
    for pair in both_ways(two, data, job_of, gradients):
        assert_same_bits(*pair)


def rows_by_seed(spec: dict[str, Any], data: Any, seed: int) -> list[Any]:
    trained, levels = train_condition(spec, data)
    return [row for arm in trained for row in arm.rows if row.seed == seed] + [r for r in levels if r.seed == seed]


def test_a_job_of_one_of_three_and_of_ten_seeds(arms: Any, spec_of: Any, data_of: Any) -> None:
    few = {name: arms[name] for name in ("learned", "pca", "noise_walk")}
    rows = {seeds: rows_by_seed(spec_of(seeds=seeds, arms=few), data_of(seeds=seeds), 0) for seeds in (1, 3, 10)}
    assert rows[1] == rows[3] == rows[10]  # measurements and reference levels of seed 0, to the last bit
    assert {row.arm for row in rows[1]} > set(few)
    third = [rows_by_seed(spec_of(seeds=seeds, arms=few), data_of(seeds=seeds), 2) for seeds in (3, 10)]
    assert third[0] == third[1]
    assert [row.value for row in third[0]] != [row.value for row in rows[1]]


def test_twice_is_the_same_and_another_seed_is_not(spec_of: Any, data_of: Any, arms: Any) -> None:
    chosen = {name: arms[name] for name in ("learned", "autoencoder_variational", "autoencoder_deep", "noise_walk")}
    one, two, other = (train_condition(spec_of(seed=seed, arms=chosen), data_of()) for seed in (42, 42, 43))
    assert [arm.rows for arm in one[0]] == [arm.rows for arm in two[0]]
    assert one[1] == two[1]
    for arm, changed in zip(one[0], other[0], strict=True):
        old, new = ([r.value for r in a.rows if r[2:5] == ("test", None, "cross_entropy")] for a in (arm, changed))
        assert len(old) == 3
        assert all(a != b for a, b in zip(old, new, strict=True))


def test_a_job_uses_one_thread_and_deterministic_kernels(spec_of: Any, data_of: Any) -> None:
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(False)
    train_condition(spec_of(), data_of())
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()


def test_the_canonical_text_of_a_spec_trains_the_same(spec_of: Any, data_of: Any) -> None:
    """``1.0`` is written as ``1`` there: a whole learning rate or scale must not turn arithmetic into integers."""
    spec = spec_of(training={"learning_rates": [1.0], "batch_size": 16}, initial_scale=1.0, head_scale=2.0)
    text = config.canonical(spec)
    assert '"learning_rates": [1]' in text
    direct, through_text = train_condition(spec, data_of()), train_condition(json.loads(text), data_of())
    assert [arm.rows for arm in direct[0]] == [arm.rows for arm in through_text[0]]


# Common random numbers


def test_all_arms_see_the_same_batches(monkeypatch: pytest.MonkeyPatch, arms: Any, spec_of: Any, data_of: Any) -> None:
    seen: list[list[bytes]] = []
    plain = loop.features

    def recorded(encoder: Any, head: Any, parameters: Any, inputs: torch.Tensor) -> torch.Tensor:
        seen[-1].append(inputs[:3].numpy().tobytes())
        return plain(encoder, head, parameters, inputs)

    monkeypatch.setattr(loop, "features", recorded)
    spec, data = spec_of(training={"learning_rates": [0.01]}), data_of()
    for name in ("learned", "full", "one_hot", "unigram", "autoencoder_random", "noise_walk"):
        seen.append([])
        train_condition({**spec, "arms": {name: arms[name]}}, data)
        assert len(seen[-1]) > spec["training"]["steps"]
    assert all(batches == seen[0] for batches in seen)


def observed(job: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The parameters, trainable and frozen, with which an arm starts its task, and those that it ends with."""
    starts: list[dict[str, torch.Tensor]] = []

    def watched(train: Any) -> Any:
        def run(encoder: Any, head: Any, trainable: Any, frozen: Any, *rest: Any) -> Any:
            starts.append({name: value.detach().clone() for name, value in (trainable | frozen).items()})
            return train(encoder, head, trainable, frozen, *rest)

        return run

    with monkeypatch.context() as patch:
        patch.setattr(condition, "fit", watched(condition.fit))
        patch.setattr(condition, "walk", watched(condition.walk))
        _, _, result = fit_arm(job, "arm", options)
    return starts[-1], result.parameters


def test_arms_of_one_shape_start_from_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch, arms: Any, job_of: Any, spec_of: Any, data_of: Any
) -> None:
    job = job_of(spec_of(), data_of(), range(3))
    names = ("learned", "random_frozen", "autoencoder_random", "autoencoder_deep_random")
    starts = {name: observed(job, arms[name], monkeypatch)[0] for name in names}
    for name, start in starts.items():
        for layer in ("hidden", "output", "bias"):
            assert torch.equal(start[layer], starts["learned"][layer]), (name, layer)
    assert torch.equal(starts["random_frozen"]["table"], starts["learned"]["table"])
    full, _ = observed(job, arms["full"], monkeypatch)  # its first layer is wider, the second has the shared shape
    assert torch.equal(full["output"], starts["learned"]["output"])


def test_the_noise_walk_starts_from_the_released_law(
    monkeypatch: pytest.MonkeyPatch, arms: Any, job_of: Any, spec_of: Any, data_of: Any
) -> None:
    """Whatever the design's: N(0, 0.1^2) for every weight, the very numbers of the learned arm as described."""
    released = {"initial_scale": 0.1, "head_scale": 0.1}
    described, fair = (job_of(spec_of(**law), data_of(), range(3)) for law in (released, {}))
    learned, walk = (observed(described, arms[name], monkeypatch)[0] for name in ("learned", "noise_walk"))
    fair_walk, _ = observed(fair, arms["noise_walk"], monkeypatch)
    assert set(learned) == set(walk) == set(fair_walk)
    for name, value in learned.items():
        assert torch.equal(walk[name], value)
        assert torch.equal(fair_walk[name], value)


def test_an_arm_does_not_depend_on_the_arms_beside_it(spec_of: Any, data_of: Any) -> None:
    """Nor on their order: an arm called 'full' with options of its own is not the table that others compress."""
    full, pca = {"encoder": "full", "steps": 3}, {"encoder": "pca"}
    orders = [{"full": full, "pca": pca}, {"pca": pca, "full": full}, {"full": full}, {"pca": pca}]
    found = [{arm.name: arm.rows for arm in train_condition(spec_of(arms=arms), data_of())[0]} for arms in orders]
    assert found[0] == found[1] == found[2] | found[3]
    assert max(row.step or 0 for row in found[0]["full"]) == 3


def test_the_compressed_table_is_the_full_arms_own(arms: Any, job_of: Any, spec_of: Any, data_of: Any) -> None:
    job = job_of(spec_of(), data_of(), range(3))
    fit_arm(job, "pca", arms["pca"])
    kept = len(job.fits)
    _, _, full = fit_arm(job, "full", arms["full"])
    assert (kept, len(job.fits)) == (2, 2)  # the full arm's fit is there already, and is used
    assert full.parameters["table"].shape == (3, 12, 16)


# What is frozen, and what is not


@pytest.mark.parametrize("name", ["random_frozen", "pca", "autoencoder", "autoencoder_random", "autoencoder_deep"])
def test_frozen_tables_do_not_change(
    name: str, monkeypatch: pytest.MonkeyPatch, arms: Any, job_of: Any, spec_of: Any, data_of: Any
) -> None:
    job = job_of(spec_of(training={"select": "last"}), data_of(), range(3))
    before, after = observed(job, arms[name], monkeypatch)
    assert torch.equal(after["table"], before["table"])
    assert not torch.equal(after["output"], before["output"])


@pytest.mark.parametrize("name", ["learned", "full", "autoencoder_finetuned", "noise_walk"])
def test_trainable_tables_change(
    name: str, monkeypatch: pytest.MonkeyPatch, arms: Any, job_of: Any, spec_of: Any, data_of: Any
) -> None:
    job = job_of(spec_of(training={"select": "last"}), data_of(), range(3))
    before, after = observed(job, arms[name], monkeypatch)
    assert ((after["table"] - before["table"]).abs().amax(dim=(1, 2)) > 0).all()


def test_a_noise_walk_leaves_frozen_codes_alone(
    monkeypatch: pytest.MonkeyPatch, job_of: Any, spec_of: Any, data_of: Any
) -> None:
    options = {"encoder": "random_frozen", "update": "noise_walk"}
    job = job_of(spec_of(arms={"walk": options}), data_of(), range(3))
    before, after = observed(job, options, monkeypatch)
    assert torch.equal(after["table"], before["table"])
    assert not torch.equal(after["hidden"], before["hidden"])
    assert {row.split for row in condition.train_arm(job, "walk").rows} == set(SPLITS)
