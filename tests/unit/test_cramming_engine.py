"""Cramming: gradients, batch against single runs, leaving, and the paper's definitions."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cramming_models as models
import pytest
import torch
from cramming_models import PAPER, TUNED, settings
from torch import Tensor
from torch.nn.functional import cross_entropy

from tokentrial.cramming.decode import Reader
from tokentrial.cramming.engine import LOGGED, Cramming, Records
from tokentrial.cramming.folders import LanguageModel


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return models.write_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def trained(files: dict[str, str]) -> LanguageModel:
    return models.trained(files)


@pytest.fixture(scope="module")
def natural(files: dict[str, str], trained: LanguageModel) -> Tensor:
    """The first 24 tokens from where paragraphs start that the model was not trained on."""
    lines = Path(files["test"]).read_text().splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if len(line.split()) > 5][:36]
    return torch.tensor([trained.tokenizer("".join(lines[n : n + 9]))["input_ids"][:24] for n in starts])


def made(
    model: LanguageModel,
    ids: Tensor,
    start: Tensor,
    values: dict[str, Any] = TUNED,
    first: bool = False,
    **changes: Any,
) -> Cramming:
    if ids.dim() == 2:
        ids = ids.unsqueeze(1)
    return Cramming(Reader.of(model), ids, start, settings(values, **changes), first)


def ran(work: Cramming) -> Cramming:
    while not work.done:
        work.step()
    return work


def reference(model: LanguageModel, ids: Tensor, vectors: Tensor, first: bool) -> tuple[Tensor, Tensor, Tensor]:
    """(hits, mean loss, gradient) of texts (U, G, N), one after the other, as the paper's loop: through all logits."""
    hits, losses, gradients = [], [], []
    for texts, start in zip(ids, vectors, strict=True):
        leaf, total = start.clone().requires_grad_(), torch.zeros((), dtype=start.dtype)
        for text in texts:
            inputs = torch.cat([leaf, model.table[text]]).unsqueeze(0)
            logits = model.model(inputs_embeds=inputs, use_cache=False).logits[0].to(start.dtype)  # Mamba: float32
            predicting = logits[len(leaf) - 1 : -1] if first else logits[len(leaf) : -1]
            targets = text if first else text[1:]
            loss = cross_entropy(predicting, targets)
            total = total + loss
            hits.append((predicting.argmax(1) == targets).sum())
            losses.append(loss.detach())
        gradients.append(torch.autograd.grad(total, leaf)[0])
    shape = ids.shape[:2]
    return torch.stack(hits).view(shape), torch.stack(losses).view(shape), torch.stack(gradients)


# The step's numbers


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(
    ("units", "texts", "vectors", "length"), [(3, 1, 1, 7), (2, 1, 3, 5), (2, 2, 1, 6), (1, 1, 2, 2)]
)
@pytest.mark.parametrize("architecture", models.ARCHITECTURES)
def test_hits_losses_and_gradients_equal_autograds(
    files: dict[str, str], architecture: str, units: int, texts: int, vectors: int, length: int, first: bool
) -> None:
    model = models.lively(architecture, files)
    ids = models.random_ids(units * texts, length).view(units, texts, length)
    start = models.random_vectors(units, vectors, model)
    expected = reference(model, ids, start, first)
    found = made(model, ids, start, first=first).measure()
    assert torch.equal(found[0], expected[0])
    # norms of transformers' Llama and Mamba, and Mamba's logits, are float32 whatever the model's type
    close = 1e-10 if architecture == "neox" else 1e-5
    torch.testing.assert_close(found[1], expected[1], rtol=close, atol=close)
    torch.testing.assert_close(found[2], expected[2], rtol=close, atol=close * float(expected[2].abs().max()))


def test_nothing_but_the_vectors_gets_a_gradient(files: dict[str, str]) -> None:
    model = models.lively("neox", files)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    work = made(model, models.random_ids(3, 6), models.random_vectors(3, 1, model), steps=5)
    ran(work)
    assert all(value.grad is None and not value.requires_grad for value in model.model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.model.state_dict().items())


def test_the_last_token_is_not_fed_and_vectors_predict_nothing(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models.lively("neox", files)
    seen: list[tuple[int, ...]] = []
    plain = LanguageModel.hidden
    monkeypatch.setattr(LanguageModel, "hidden", lambda self, v: (seen.append(tuple(v.shape)), plain(self, v))[1])
    work = made(model, models.random_ids(3, 6), models.random_vectors(3, 2, model))
    rows: list[int] = []
    head = type(work.reader.head)
    logits = head.logits
    monkeypatch.setattr(head, "logits", lambda self, f: (rows.append(len(f)), logits(self, f))[1])
    work.measure()
    assert seen == [(3, 2 + 5, 16)]
    assert sum(rows) == 3 * 5


def test_how_many_positions_go_at_once_changes_nothing(files: dict[str, str]) -> None:
    model = models.lively("neox", files)
    ids, start = models.random_ids(7, 6), models.random_vectors(7, 1, model)
    results = []
    for positions in (1, 13, 1000):
        work = made(model, ids, start, steps=15)
        work.reader = replace(work.reader, positions=positions)
        results.append(ran(work).records)
    for other in results[1:]:
        for name, value in results[0].tensors().items():
            torch.testing.assert_close(other.tensors()[name], value, rtol=1e-10, atol=1e-10)


# A batch against single runs


def single_runs(
    model: LanguageModel, ids: Tensor, start: Tensor, values: dict[str, Any], **changes: Any
) -> list[Records]:
    parts = zip(ids.split(1), start.split(1), strict=True)
    return [ran(made(model, text, vectors, values, **changes)).records for text, vectors in parts]


@pytest.mark.parametrize("values", [TUNED, PAPER], ids=["tuned", "paper"])
@pytest.mark.parametrize("architecture", ["neox", "llama", "mamba"])
def test_a_batch_equals_single_runs_in_float64(
    files: dict[str, str], architecture: str, values: dict[str, Any]
) -> None:
    """Half of the texts are what the model says after other vectors: some are solved and leave on the way."""
    model = models.lively(architecture, files)
    ids, start = models.random_ids(8, 4), models.random_vectors(8, 2, model)
    ids[:4] = models.continued(model, models.random_vectors(4, 2, model, seed=1), ids[:4, 0], 4)
    steps = 15 if architecture == "mamba" else 60  # its scan is slow on a CPU
    together = ran(made(model, ids, start, values, steps=steps)).records
    alone = single_runs(model, ids, start, values, steps=steps)
    if values == TUNED and architecture != "mamba":
        assert 0 < int((together.solved > 1).sum()) < 8
    close = 1e-10 if architecture == "neox" else 1e-5  # see above: float32 norms, whose rounding steps grow
    for unit, single in enumerate(alone):
        for name, value in together.tensors().items():
            torch.testing.assert_close(value[unit : unit + 1], single.tensors()[name], rtol=close, atol=close, msg=name)


def test_a_batch_equals_single_runs_in_float32(trained: LanguageModel, natural: Tensor) -> None:
    """The same texts solved; losses of the first steps to six digits (later, rounding takes other paths)."""
    ids, start = natural[:8, :6], models.random_vectors(8, 1, trained)
    early = ran(made(trained, ids, start, steps=5)).records.losses
    torch.testing.assert_close(
        early, torch.cat([one.losses for one in single_runs(trained, ids, start, TUNED, steps=5)]), rtol=1e-5, atol=1e-5
    )
    together = ran(made(trained, ids, start)).records
    alone = single_runs(trained, ids, start, TUNED)
    assert [int(one.solved) > 0 for one in alone] == (together.solved > 0).tolist()
    torch.testing.assert_close(together.losses, torch.cat([one.losses for one in alone]), rtol=0.05, atol=0.02)


def test_solved_texts_leave_and_change_nothing_for_the_others(files: dict[str, str]) -> None:
    """One text is solved from the start: the model's own greedy continuation of its vectors."""
    model = models.lively("neox", files)
    ids, start = models.random_ids(4, 8), models.random_vectors(4, 1, model)
    ids[2:3] = models.continued(model, start[2:3], ids[2:3, 0], 8)
    work = made(model, ids, start, steps=20)
    work.step()
    assert work.active.tolist() == [0, 1, 3] and len(work.vectors) == 3
    found = ran(work).records
    others = ran(made(model, ids[[0, 1, 3]], start[[0, 1, 3]], steps=20)).records
    for name, value in found.rows(torch.tensor([0, 1, 3])).tensors().items():
        torch.testing.assert_close(value, others.tensors()[name], rtol=1e-10, atol=1e-10, msg=name)
    assert (found.steps[2], found.solved[2], found.best[2]) == (1, 1, 7)
    assert torch.equal(found.vectors[2], start[2])


def test_looking_seldom_for_closed_texts_changes_nothing(trained: LanguageModel, natural: Tensor) -> None:
    """On a GPU, texts that are done stay in the batch for some steps."""
    ids, start = natural[:8, :3], models.random_vectors(8, 2, trained)
    results = []
    for look in (1, 16):
        work = made(trained, ids, start, patience=25)
        work.look = look
        results.append(ran(work).records)
    steps = results[0].steps.tolist()
    assert len(set(steps)) > 2 and results[1].steps.tolist() == steps
    for name in ("best", "solved", "best_step", "hits"):
        assert torch.equal(results[0].tensors()[name], results[1].tensors()[name])


# The paper's definitions


def hand_made() -> tuple[Records, list[Tensor]]:
    """One text of 4 predicted tokens: hits 1, 3, 3, 2 and losses 4, 3, 1, 2 at steps 1 to 4."""
    vectors = [torch.full((1, 1, 2), float(step)) for step in range(1, 5)]
    records, open_ = Records.start(torch.zeros(1, 1, 2), 1), torch.ones(1, dtype=torch.bool)
    for step, (hits, loss) in enumerate(zip((1, 3, 3, 2), (4.0, 3.0, 1.0, 2.0), strict=True), 1):
        records.add(step, torch.tensor([[hits]]), torch.tensor([[loss]]), vectors[step - 1], 4, open_)
    return records, vectors


def test_best_accuracy_and_smallest_loss_may_come_from_different_steps() -> None:
    records, vectors = hand_made()
    assert (records.best.item(), records.best_step.item(), records.hits.item()) == (3, 2, 3)
    assert records.losses.item() == 1.0  # of step 3
    assert torch.equal(records.vectors, vectors[1])  # the first of the best accuracy, as it was when measured
    assert (records.steps.item(), records.solved.item()) == (4, 0)


def test_a_solved_text_keeps_its_step_and_a_closed_one_its_records() -> None:
    records, vectors = hand_made()
    records.add(5, torch.tensor([[4]]), torch.tensor([[0.5]]), vectors[0], 4, torch.tensor([True]))
    assert (records.solved.item(), records.steps.item(), records.losses.item()) == (5, 5, 0.5)
    records.add(6, torch.tensor([[4]]), torch.tensor([[0.1]]), vectors[1], 4, torch.tensor([False]))
    assert (records.solved.item(), records.steps.item(), records.losses.item()) == (5, 5, 0.5)


def test_a_loss_that_is_not_a_number_counts_for_nothing() -> None:
    records, vectors = hand_made()
    records.add(5, torch.tensor([[4]]), torch.tensor([[math.nan]]), vectors[0], 4, torch.tensor([True]))
    assert (records.best.item(), records.solved.item(), records.losses.item()) == (3, 0, 1.0)


def test_texts_that_share_vectors_are_solved_together_or_not() -> None:
    records, open_ = Records.start(torch.zeros(1, 1, 2), 2), torch.ones(1, dtype=torch.bool)
    for step, hits in enumerate(([4, 1], [2, 2], [4, 4]), 1):
        records.add(step, torch.tensor([hits]), torch.tensor([[1.0, 1.0 / step]]), torch.zeros(1, 1, 2), 8, open_)
        assert records.hits.tolist() == [[4, 1]] if step < 3 else [[4, 4]]
    assert records.solved.item() == 3


def test_the_stored_vectors_have_the_stored_accuracy(trained: LanguageModel, natural: Tensor) -> None:
    """Unlike the released code, which files the vectors of the step after under it."""
    ids, start = natural[:16, :12], models.random_vectors(16, 1, trained)
    found = ran(made(trained, ids, start)).records
    again = made(trained, ids, found.vectors).measure()[0]
    assert torch.equal(again, found.hits)


@pytest.mark.parametrize("patience", [5, 12])
def test_a_text_is_given_up_after_its_patience(trained: LanguageModel, natural: Tensor, patience: int) -> None:
    work = ran(made(trained, natural[:8], models.random_vectors(8, 1, trained), steps=100, patience=patience)).records
    unsolved = work.solved == 0
    assert bool(unsolved.any())
    waited = (work.steps - work.best_step)[unsolved]
    assert bool(((waited == patience) | (work.steps[unsolved] == 100)).all())
    assert bool((waited == patience).any())


def test_the_released_loop_takes_the_same_steps(files: dict[str, str]) -> None:
    """torch's AdamW on one text, accuracy and loss read at every step (float64, Llama-like)."""
    model = models.lively("neox", files)
    ids, start = models.random_ids(1, 8), models.random_vectors(1, 1, model)
    vector = start.clone().requires_grad_()
    optimiser = torch.optim.AdamW([vector], lr=0.01, betas=(0.9, 0.9), weight_decay=0.01)
    best, smallest = 0, math.inf
    for _ in range(40):
        optimiser.zero_grad()
        logits = model.model(inputs_embeds=torch.cat([vector, model.table[ids]], 1)).logits[:, 1:-1]
        loss = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        best = max(best, int((logits.argmax(2) == ids[:, 1:]).sum()))
        smallest = min(smallest, loss.item())
        loss.backward()
        optimiser.step()
    found = ran(made(model, ids, start, PAPER, steps=40)).records
    assert found.hits.item() == best
    assert found.losses.item() == pytest.approx(smallest, rel=1e-9)


# What it is for


def test_a_trained_model_holds_a_short_text_and_an_untrained_one_nothing(
    files: dict[str, str], trained: LanguageModel, natural: Tensor
) -> None:
    ids = natural[:16, :4]
    start = models.random_vectors(16, 4, trained)
    found, at_first = ran(made(trained, ids, start, steps=150)).records, made(trained, ids, start).measure()
    assert (found.solved > 1).float().mean() >= 0.25
    assert float((at_first[1] - found.losses).mean()) > 0.5  # nats per token
    assert int((at_first[0] == 3).sum()) <= 2  # what a random vector does not
    blank = models.untrained("llama", files, width=32)
    start = models.random_vectors(16, 4, blank)
    found, at_first = ran(made(blank, ids, start, steps=150)).records, made(blank, ids, start).measure()
    assert not bool((found.solved > 0).any())
    assert float((at_first[1] - found.losses).max()) < 0.3  # of 5.6


def test_learning_curves_are_kept_of_the_watched_units_alone(trained: LanguageModel, natural: Tensor) -> None:
    work = Cramming(
        Reader.of(trained), natural[:4].unsqueeze(1), models.random_vectors(4, 1, trained), settings(), False,
        frozenset({1, 3}),
    )  # fmt: skip
    curve = ran(work).curve
    assert [(step, unit, text) for step, unit, text, _, _ in curve] == [
        (step, unit, 0) for step in LOGGED if step <= 60 for unit in (1, 3)
    ]
    assert all(0 <= right <= work.records.hits[unit].item() / 23 + 1e-6 for _, unit, _, right, _ in curve)
    assert all(loss >= work.records.losses[unit].item() for _, unit, _, _, loss in curve)


# Interruptions


@pytest.mark.parametrize("cut", [1, 17, 59])
def test_going_on_from_a_saved_state_changes_no_bit(trained: LanguageModel, natural: Tensor, cut: int) -> None:
    ids, start = natural[:8, :5], models.random_vectors(8, 1, trained)
    whole, first = ran(made(trained, ids, start)), made(trained, ids, start)
    for _ in range(cut):
        first.step()
    second = made(trained, ids, start)
    second.restore(first.saved())
    ran(second)
    assert whole.text_steps == second.text_steps and whole.curve == second.curve
    for name, value in whole.records.tensors().items():
        assert torch.equal(value, second.records.tensors()[name]), name
