"""The training loop: losses, batches, evaluation and choice, for seeds as a batch dimension."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from plain_loss import loss_per_seed
from torch.nn import functional

from tokentrial.encoders.full import Full
from tokentrial.encoders.learned import Learned
from tokentrial.models.heads import TokenMlp
from tokentrial.seeds import stream
from tokentrial.training import condition, loop
from tokentrial.training.loop import Best, HeldOut, Settings, batch_order, batch_picker, fit

SETTINGS = Settings(learning_rates=(0.01,), steps=12, batch_size=8, evaluations=4, decay=False, select="best")


def untrained(job: condition.Job) -> tuple[Any, Any, dict[str, torch.Tensor]]:
    encoder, head, result = condition.fit_arm(job, "learned", {"encoder": "learned"})
    return encoder, head, result.parameters


def test_the_whole_text_by_pair_counts_is_the_whole_text() -> None:
    """In float64, so that only the order of the sums differs."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(7, (3, 20, 5), generator=generator)
    inputs, targets = ids[:, :, :-1], ids[:, :, 1:]
    encoder, head = Learned(7, 4, 8), TokenMlp(7, 4, 4, 6, bias=True)
    shapes = {"table": (7, 4), "hidden": (4, 6), "output": (6, 7), "bias": (1, 7)}
    weights = {
        name: torch.randn(3, *shape, generator=generator, dtype=torch.float64).requires_grad_()
        for name, shape in shapes.items()
    }
    shares = loop.pair_shares(inputs, targets, 7)
    torch.testing.assert_close(shares.sum(dim=(1, 2)), torch.ones(3))
    counted = loop.whole_text_loss(encoder, head, weights, shares.double())
    plain = loss_per_seed(loop.logits(encoder, head, weights, inputs), targets)
    torch.testing.assert_close(counted, plain, rtol=1e-7, atol=0)  # the shares are float32
    for found, expected in zip(
        torch.autograd.grad(counted.sum(), list(weights.values())),
        torch.autograd.grad(plain.sum(), list(weights.values())),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)


def test_every_epoch_is_a_permutation() -> None:
    order = batch_order(42, (0, 3), sequences=30, batch_size=8, steps=15)  # 120 draws: four epochs
    assert order.shape == (2, 15, 8)
    epochs = order.flatten(1).view(2, 4, 30)
    assert torch.equal(epochs.sort(-1).values, torch.arange(30).expand(2, 4, 30))
    assert len({tuple(epoch.tolist()) for epoch in epochs.flatten(0, 1)}) == 8  # no two alike


def test_batches_belong_to_the_replicate_and_the_seed_alone() -> None:
    both = batch_order(42, (0, 3), 30, 8, 15)
    torch.testing.assert_close(batch_order(42, (3,), 30, 8, 15)[0], both[1], rtol=0, atol=0)
    torch.testing.assert_close(batch_order(42, (0, 3), 30, 8, 5), both[:, :5], rtol=0, atol=0)  # a longer run goes on
    assert not torch.equal(batch_order(43, (0, 3), 30, 8, 15), both)
    first = stream(42, "batches", 0).permutation(30)
    np.testing.assert_array_equal(both[0].flatten()[:30], first)


def test_every_learning_rate_sees_the_same_batches() -> None:
    rows, columns = batch_picker(SETTINGS, 42, (0, 3), sequences=30, copies=3)(4)
    expected = batch_order(42, (0, 3), 30, 8, 12)[:, 4]
    assert torch.equal(rows, torch.arange(6).unsqueeze(1))
    assert torch.equal(columns, expected.repeat(3, 1))  # (R*S, B), rate by rate


@pytest.mark.parametrize("batch_size", [30, 31, 1000])
def test_a_batch_is_at_most_the_whole_text(batch_size: int) -> None:
    pick = batch_picker(dataclasses.replace(SETTINGS, batch_size=batch_size), 42, (0,), sequences=30, copies=1)
    assert torch.equal(pick(5)[1].sort().values, torch.arange(30).unsqueeze(0))


def test_no_batch_size_is_the_whole_text() -> None:
    pick = batch_picker(dataclasses.replace(SETTINGS, batch_size=None), 42, (0,), sequences=30, copies=1)
    assert torch.equal(torch.arange(30)[pick(5)], torch.arange(30))


@pytest.mark.parametrize("chunk", [1, 7, 19, 20])
def test_evaluation_does_not_depend_on_its_chunks_nor_on_looking_up(
    chunk: int, monkeypatch: pytest.MonkeyPatch, job_of: Any, spec_of: Any, data_of: Any
) -> None:
    job = job_of(spec_of(), data_of(), range(3))
    encoder, head, parameters = untrained(job)
    inputs, targets = job.data["validation"]  # 20 sequences: chunks that divide it and chunks that do not
    looked_up = HeldOut(encoder, head, inputs, targets)
    assert looked_up.by_lookup
    monkeypatch.setattr(loop, "LOOKUP_LOGITS", 0)
    monkeypatch.setattr(loop, "EVALUATION_LOGITS", chunk * targets.shape[2] * head.vocab_size)
    chunked = HeldOut(encoder, head, inputs, targets)
    assert not chunked.by_lookup
    loss, accuracy = chunked.loss(parameters), chunked.accuracy(parameters)
    torch.testing.assert_close(loss, looked_up.loss(parameters), rtol=2e-7, atol=0)  # float32 logits
    torch.testing.assert_close(accuracy, looked_up.accuracy(parameters), rtol=1e-15, atol=0)
    scores = loop.logits(encoder, head, parameters, inputs).double()
    for seed in range(3):
        expected = functional.cross_entropy(scores[seed].flatten(0, 1), targets[seed].flatten())
        assert loss[seed] == pytest.approx(expected.item(), rel=1e-6)  # float32 logits
        assert accuracy[seed] == pytest.approx((scores[seed].argmax(-1) == targets[seed]).double().mean().item())


def looked(losses: list[list[float]], keep_last: bool) -> Best:
    """A Best that has seen these losses, (looks, R*S), of models whose one weight is the step."""
    weights = {"w": torch.zeros(len(losses[0]), 1)}
    best = Best(weights, keep_last)
    for step, row in enumerate(losses):
        weights["w"].fill_(step)
        best.look(10 * step, torch.tensor(row))
    return best


def test_the_earliest_best_step_of_each_seed_is_kept() -> None:
    best = looked([[5, 1, 4], [3, 2, 4], [3, 3, 4], [4, 0.5, 4]], keep_last=False)
    chosen = best.chosen(torch.tensor([0.1]), seeds=3)
    assert chosen.step.tolist() == [10, 30, 0]
    assert chosen.parameters["w"].flatten().tolist() == [1, 3, 0]
    assert best.loss.tolist() == [3, 0.5, 4]
    assert [(step, loss.tolist()) for step, loss in chosen.curve][1] == (10, [3, 2, 4])


def test_the_last_step_is_kept_where_it_is_asked_for() -> None:
    chosen = looked([[5, 1], [3, 2], [9, 3]], keep_last=True).chosen(torch.tensor([0.1]), seeds=2)
    assert chosen.step.tolist() == [20, 20]
    assert chosen.parameters["w"].flatten().tolist() == [2, 2]


def test_each_seed_keeps_its_own_best_rate() -> None:
    # columns: rate 0.1 for seeds 0, 1, then rate 0.2 for seeds 0, 1
    chosen = looked([[9, 9, 9, 9], [4, 3, 2, 6]], keep_last=False).chosen(torch.tensor([0.1, 0.2]), seeds=2)
    assert chosen.learning_rate.tolist() == pytest.approx([0.2, 0.1])
    assert chosen.curve[-1][1].tolist() == [2, 3]


@pytest.mark.parametrize("keep_last", [False, True])
def test_a_rate_that_diverges_is_not_chosen(keep_last: bool) -> None:
    nan = math.nan
    chosen = looked([[9, 9, 9, 9], [nan, 3, 5, nan]], keep_last).chosen(torch.tensor([0.1, 0.2]), seeds=2)
    assert chosen.learning_rate.tolist() == pytest.approx([0.2, 0.1])
    assert chosen.curve[-1][1].tolist() == [5, 3]


def trained(job: condition.Job, **changes: Any) -> loop.Fit:
    encoder, head = condition.build(job, "learned", {"encoder": "learned"})
    context = condition.Context(42, job.replicates, job.counts, dict, 1.0, print)
    weights = encoder.initialise(context)[0] | condition.heads.initialise(head, context, None)
    settings = dataclasses.replace(SETTINGS, **changes)
    return fit(encoder, head, weights, {}, job.data, settings, 42, job.replicates, lambda message: None)


def test_rates_are_tried_as_if_alone(job_of: Any, spec_of: Any, data_of: Any) -> None:
    job = job_of(spec_of(), data_of(), range(3))
    both = trained(job, learning_rates=(0.003, 0.5))
    alone = {rate: trained(job, learning_rates=(rate,)) for rate in (0.003, 0.5)}
    for seed in range(3):
        lowest = {rate: min(float(loss[seed]) for _, loss in result.curve) for rate, result in alone.items()}
        best = min(lowest, key=lowest.__getitem__)
        assert float(both.learning_rate[seed]) == pytest.approx(best)
        assert int(both.step[seed]) == int(alone[best].step[seed])
        for name, value in both.parameters.items():
            assert torch.equal(value[seed], alone[best].parameters[name][seed])  # the same kernels: the same bits


def test_what_is_returned_has_the_loss_that_the_curve_says(job_of: Any, spec_of: Any, data_of: Any) -> None:
    job = job_of(spec_of(), data_of(), range(3))
    encoder, head = condition.build(job, "learned", {"encoder": "learned"})
    for select in ("best", "last"):
        result = trained(job, learning_rates=(0.5,), select=select)
        loss = HeldOut(encoder, head, *job.data["validation"]).loss(result.parameters)
        curve = torch.stack([values for _, values in result.curve])  # (looks, S)
        steps = [step for step, _ in result.curve]
        assert steps == [0, 3, 6, 9, 12]
        for seed in range(3):
            assert loss[seed] == curve[steps.index(int(result.step[seed])), seed]
        assert torch.equal(loss, curve.min(0).values if select == "best" else curve[-1])


@pytest.mark.parametrize("decay", [False, True])
def test_a_fit_is_torchs_own_training(decay: bool, job_of: Any, spec_of: Any, data_of: Any) -> None:
    """One seed's curve from torch.nn's layers, torch.optim.Adam and its scheduler, on the same batches."""
    job = job_of(spec_of(), data_of(), (0, 2))
    curve = trained(job, decay=decay, learning_rates=(0.05,), evaluations=12).curve
    encoder, head = condition.build(job, "learned", {"encoder": "learned"})
    context = condition.Context(42, job.replicates, job.counts, dict, 1.0, print)
    weights = encoder.initialise(context)[0] | condition.heads.initialise(head, context, None)
    order = batch_order(42, (0, 2), sequences=60, batch_size=8, steps=12)
    for seed in range(2):
        embedding = torch.nn.Embedding.from_pretrained(weights["table"][seed].clone(), freeze=False)
        hidden, output = torch.nn.Linear(4, 8, bias=False), torch.nn.Linear(8, 12)
        with torch.no_grad():
            hidden.weight.copy_(weights["hidden"][seed].T)
            output.weight.copy_(weights["output"][seed].T)
            output.bias.zero_()
        model = torch.nn.Sequential(embedding, hidden, torch.nn.ReLU(), output)
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        fall = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, 2 - step / 6) if decay else 1.0)
        held_out = [value[seed] for value in job.data["validation"]]
        for step, losses in curve:
            expected = functional.cross_entropy(model(held_out[0]).flatten(0, 1), held_out[1].flatten())
            # float32, and up to twelve steps of Adam in another order of operations
            assert float(losses[seed]) == pytest.approx(expected.item(), rel=1e-5), (seed, step)
            if step < 12:
                inputs, targets = (value[seed, order[seed, step]] for value in job.data["train"])
                optimiser.zero_grad()
                functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).backward()
                optimiser.step()
                fall.step()


def test_initial_weights_are_not_touched(job_of: Any, spec_of: Any, data_of: Any) -> None:
    job = job_of(spec_of(), data_of(), range(2))
    encoder, head = condition.build(job, "learned", {"encoder": "learned"})
    context = condition.Context(42, job.replicates, job.counts, dict, 1.0, print)
    weights = encoder.initialise(context)[0] | condition.heads.initialise(head, context, None)
    before = {name: value.clone() for name, value in weights.items()}
    fit(encoder, head, weights, {}, job.data, SETTINGS, 42, job.replicates, lambda message: None)
    assert all(torch.equal(weights[name], value) for name, value in before.items())


@pytest.mark.parametrize("encoder", [Learned(7, 3, 5), Full(7, 3, 5)])
def test_batched_gradients_are_those_of_separate_models(encoder: Any) -> None:
    head = TokenMlp(7, encoder.output_width, 4, 6, bias=True)
    generator = torch.Generator().manual_seed(1)
    draw: Callable[..., torch.Tensor] = lambda *s: torch.randn(*s, generator=generator, dtype=torch.float64)  # noqa: E731
    weights = {"table": draw(3, 7, encoder.output_width)}
    weights |= {name: draw(3, *shape) for name, shape in head.shapes().items()}
    ids, targets = torch.randint(7, (2, 3, 10, 4), generator=generator)  # ids repeat: 40 draws of 7
    leaves = [value.requires_grad_() for value in weights.values()]
    batched = torch.autograd.grad(loss_per_seed(loop.logits(encoder, head, weights, ids), targets).sum(), leaves)
    for seed in range(3):
        own = {name: value[seed].detach().clone().requires_grad_() for name, value in weights.items()}
        vectors = functional.embedding(ids[seed], own["table"])
        scores = torch.relu(vectors @ own["hidden"]) @ own["output"] + own["bias"]
        loss = functional.cross_entropy(scores.flatten(0, 1), targets[seed].flatten())
        for one, other in zip(batched, torch.autograd.grad(loss, list(own.values())), strict=True):
            # float64 sums of 40 terms in another order
            torch.testing.assert_close(one[seed], other, rtol=1e-12, atol=1e-15)
