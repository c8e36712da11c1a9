"""The language model and its loop against float64 formulas, torch's optimisers and protocol A7's counts."""

import copy
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tokentrial.encoders.base import Context
from tokentrial.encoders.full import Full
from tokentrial.errors import InputError
from tokentrial.models import language
from tokentrial.seeds import stream
from tokentrial.training import language_loop
from tokentrial.training.language_loop import Run, Settings
from tokentrial.training.language_model import LanguageModel, build, evaluate, parameter_counts
from tokentrial.training.text import Text, cut

V, D, LENGTH, BATCH = 40, 8, 6, 3
CPU = torch.device("cpu")
TRANSFORMER = {"kind": "transformer", "layers": 1, "heads": 2, "feedforward": 12, "dropout": 0.0}
LSTM = {"kind": "lstm", "layers": 2, "dropout": 0.0}
SETTINGS = Settings("adam", (0.01,), 1, 1.0, 1.0, BATCH, LENGTH, "blocks", 0.5, "constant", 2, "best")


class Never:
    """A keeper for which it is never time to save."""

    def due(self) -> bool:
        return False

    def save(self, run: Run) -> None:
        raise AssertionError("nothing is due")


def context(replicate: int = 0, vocab_size: int = V) -> Context:
    return Context(42, (replicate,), torch.ones(1, vocab_size), lambda: torch.empty(0), 0.1, lambda message: None)


def model_of(width: int = D, tied: bool = False, body: Any = None, **changes: Any) -> LanguageModel:
    spec = {
        "arm": "a", "encoder": {"encoder": "learned"}, "width": width, "full_width": D, "body_width": D,
        "body": body or TRANSFORMER, "tied": tied, "bias": True, "precision": "float32",
        "training": {"length": LENGTH},
    }  # fmt: skip
    made = build(spec | changes, V)
    made.initialise(context())
    return made


def text_of(count: int = 200, order: str = "blocks") -> Text:
    tokens = stream(1, "text").integers(0, V, count).astype(np.int32)
    tokens[1::2] = tokens[::2][: len(tokens[1::2])]  # every second token repeats the one before
    return cut(tokens, BATCH, LENGTH, order, CPU, "text")


def plain_logits(model: LanguageModel, ids: Tensor, state: language.State = None) -> Tensor:
    """Logits (B, L, V) by the definition: the whole V x W output table, no fused head."""
    table = model.trainable["table"][0]
    wide = table if model.lift is None else table @ model.lift.T
    features, _ = model.body(wide[ids], state)
    weight = wide if model.weight is None else model.weight
    logits: Tensor = features @ weight.T
    return logits if model.bias is None else logits + model.bias


CASES = [
    pytest.param({"width": width, "tied": tied, "bias": bias, "body": body}, id=f"{width}-{tied}-{bias}-{body['kind']}")
    for width, tied, bias, body in (
        (D, False, True, TRANSFORMER), (D, True, True, TRANSFORMER), (2, False, False, TRANSFORMER),
        (2, True, True, TRANSFORMER), (2, True, False, LSTM), (D, False, True, LSTM),
    )
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_are_the_plain_formulas(case: dict[str, Any]) -> None:
    model = model_of(**case)
    exact = copy.deepcopy(model).double()
    ids, targets = (torch.from_numpy(stream(2, name).integers(0, V, (BATCH, LENGTH))) for name in ("ids", "targets"))
    loss, _ = model.loss(ids, targets)
    wanted = cross_entropy(plain_logits(exact, ids).flatten(0, 1), targets.flatten())
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)
    loss.backward()
    wanted.backward()
    for (name, found), (_, right) in zip(model.named_parameters(), exact.named_parameters(), strict=True):
        assert found.grad is not None and right.grad is not None, name
        torch.testing.assert_close(found.grad.double(), right.grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("order", ["blocks", "streams"])
def test_evaluation_is_the_mean_over_all_predictions(case: dict[str, Any], order: str) -> None:
    model, text = model_of(**case), text_of(order=order)
    losses, hits, state = [], [], None
    for inputs, targets in text.in_order():
        with torch.no_grad():
            logits = plain_logits(model, inputs, state)
            state = model(inputs, state)[1] if order == "streams" else None
        losses.append(cross_entropy(logits.flatten(0, 1).double(), targets.flatten(), reduction="none"))
        hits.append((logits.argmax(-1) == targets).flatten().double())
    loss, accuracy = evaluate(model, text)
    assert loss == pytest.approx(float(torch.cat(losses).mean()), rel=1e-6)
    assert accuracy == pytest.approx(float(torch.cat(hits).mean()), abs=1e-12)
    assert len(torch.cat(hits)) == text.targets.numel()


def test_evaluation_has_no_dropout_and_goes_back_to_training() -> None:
    model = model_of(body=TRANSFORMER | {"dropout": 0.5})
    model.train()
    assert evaluate(model, text_of()) == evaluate(model, text_of())
    assert model.training and model.body.training


def test_bfloat16_computes_nearly_the_same() -> None:
    text = text_of()
    losses = [
        model_of(width=2, precision=precision).loss(text.inputs[:3], text.targets[:3])[0].item()
        for precision in ("float32", "bfloat16")
    ]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


def test_a_lift_keeps_the_scale_of_the_vectors() -> None:
    spec = {"encoder": {"encoder": "learned"}, "full_width": 256, "body_width": 256, "body": TRANSFORMER}
    model = model_of(width=16, **spec)
    with torch.no_grad():
        assert model.lift is not None
        lifted = model.vectors(torch.arange(V).unsqueeze(0)) @ model.lift.T
    assert float(lifted.square().mean().sqrt()) == pytest.approx(0.1, rel=0.15)


def test_weights_come_from_streams_by_purpose_and_replicate() -> None:
    one, again, other = model_of(), model_of(), model_of()
    other.initialise(context(1))
    for name, value in one.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert one.weight is not None and other.weight is not None
    assert not torch.equal(one.weight, other.weight)
    assert one.weight.abs().max().item() <= 1 / math.sqrt(D)


def test_a_tied_output_needs_features_of_the_bodys_width() -> None:
    body = nn.Linear(D, D + 1)
    body.output_width = D + 1  # type: ignore[assignment]
    with pytest.raises(InputError, match="tied: the body turns 8 numbers into 9"):
        LanguageModel(Full(V, D, D), body, D, True, True, "float32")  # type: ignore[arg-type]


def test_parameters_of_the_released_models_are_protocol_a7s() -> None:
    released = {
        "kind": "transformer", "layers": 2, "heads": 4, "feedforward": 128, "dropout": 0.1, "causal": False,
        "positions": False, "norm_first": False,
    }  # fmt: skip
    totals = {}
    for name in ("learned", "autoencoder_released"):
        spec = {
            "arm": name, "encoder": {"encoder": name}, "width": 16, "full_width": 128, "body_width": 16,
            "body": released, "tied": False, "bias": True, "precision": "float32", "training": {"length": 34},
        }  # fmt: skip
        counts = parameter_counts(build(spec, 50257))
        totals[name] = sum(value for key, value in counts.items() if key.startswith("parameters_") and value)
        assert counts["params_trained"] == totals[name]
    assert counts["parameters_body"] == 2 * 5_392
    assert totals == {"learned": 1_669_265, "autoencoder_released": 7_302_289}


def reference_run(model: LanguageModel, text: Text, optimiser: torch.optim.Optimizer, rates: Iterable[float]) -> None:
    """The loop written out: plain logits, torch's unfused optimiser and clipping."""
    order = text.epoch_order(42, 0, 0)
    state: language.State = None
    for rows, rate in zip(order, rates, strict=True):
        optimiser.param_groups[0]["lr"] = rate
        optimiser.zero_grad()
        inputs, targets = text.inputs[rows], text.targets[rows]
        cross_entropy(plain_logits(model, inputs, state).flatten(0, 1), targets.flatten()).backward()
        if text.order == "streams":
            table = model.trainable["table"][0][inputs]
            with torch.no_grad():
                state = model.body(table if model.lift is None else table @ model.lift.T, state)[1]
        nn.utils.clip_grad_norm_(model.parameters(), 0.5, foreach=False)
        optimiser.step()


@pytest.mark.parametrize("kind", ["adam", "sgd"])
@pytest.mark.parametrize("body", [TRANSFORMER, LSTM], ids=["transformer", "lstm"])
def test_training_is_torchs_optimiser_on_the_plain_loss(kind: str, body: dict[str, Any]) -> None:
    order = "streams" if body is LSTM else "blocks"
    model, text = model_of(width=2, body=body), text_of(order=order)
    exact = copy.deepcopy(model).double()
    settings = replace(SETTINGS, optimiser=kind, order=order, schedule="linear", select="last")
    rate = 0.05 if kind == "adam" else 2.0
    run = Run(model, settings, rate, 42, 0)
    run.train(text, text, lambda message: None, Never())
    total = text.steps
    rates = [rate * min(1.0, 2 * (total - step) / total) for step in range(total)]
    made = torch.optim.Adam if kind == "adam" else torch.optim.SGD
    reference_run(exact, text, made(exact.parameters(), lr=rate, foreach=False), rates)
    assert run.step == total >= 10
    # of what the model computes, not of its weights: no output depends on the attention's key bias, so that its
    # gradient is rounding alone, which Adam blows up
    torch.testing.assert_close(
        plain_logits(model, text.inputs).double(), plain_logits(exact, text.inputs), rtol=1e-3, atol=1e-3
    )
    untrained = plain_logits(model_of(width=2, body=body), text.inputs)
    assert (untrained - plain_logits(model, text.inputs)).abs().max() > 0.1


@pytest.mark.parametrize(
    ("losses", "factor", "best"),
    [([3.0, 2.0, 1.0], 1.0, 1.0), ([3.0, 3.0, 2.0], 0.25, 2.0), ([3.0, 4.0, 3.5], 1 / 16, 3.0)],
)
def test_plateau_quarters_the_rate_after_an_epoch_without_gain(
    monkeypatch: pytest.MonkeyPatch, losses: list[float], factor: float, best: float
) -> None:
    looks = iter(losses)
    monkeypatch.setattr(language_loop, "evaluate", lambda model, text: (next(looks), 0.0))
    run = Run(model_of(), replace(SETTINGS, epochs=2, schedule="plateau", optimiser="sgd"), 0.1, 42, 0)
    chosen = run.train(text_of(), text_of(), lambda message: None, Never())
    assert (run.factor, chosen.loss) == (factor, best)
    assert [step for step, _ in chosen.curve] == [0, 11, 22]


def test_best_keeps_the_earliest_of_equal_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([3.0, 2.0, 2.0])
    monkeypatch.setattr(language_loop, "evaluate", lambda model, text: (next(looks), 0.0))
    model = model_of()
    chosen = Run(model, SETTINGS, 0.1, 42, 0).train(text_of(), text_of(), lambda message: None, Never())
    assert (chosen.step, chosen.loss) == (6, 2.0)
    assert not torch.equal(chosen.weights["weight"], model.state_dict()["weight"])


def test_the_chosen_model_has_the_scores_that_were_kept() -> None:
    """They are its rows of the validation text, which is not gone through again."""
    model, text = model_of(), text_of()
    chosen = Run(model, SETTINGS, 0.1, 42, 0).train(text, text, lambda message: None, Never())
    model.load_state_dict(chosen.weights)
    assert chosen.step > 0
    assert (chosen.loss, chosen.accuracy) == evaluate(model, text)


def test_dropout_masks_depend_on_replicate_and_rate_alone() -> None:
    def draws(replicate: int, rate: float) -> list[float]:
        torch.rand(17)  # whatever happened before
        Run(model_of(), SETTINGS, rate, 42, replicate)
        return torch.rand(4).tolist()

    assert draws(0, 0.01) == draws(0, 0.01)
    assert draws(0, 0.01) != draws(1, 0.01)
    assert draws(0, 0.01) != draws(0, 0.02)
