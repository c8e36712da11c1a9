"""The selective scan of Mamba on a CPU against transformers' own loop over positions."""

from pathlib import Path

import cramming_models as models
import pytest
import torch
from torch import Tensor
from transformers.models.mamba import modeling_mamba

from tokentrial.cramming import scan
from tokentrial.seeds import stream

TEXTS, CHANNELS, STATE = 3, 6, 4


def drawn(*shape: int, name: str) -> Tensor:
    return torch.from_numpy(stream(0, "scan", name).standard_normal(shape))


def inputs(length: int) -> dict[str, Tensor]:
    """In float64; steps and decay of the sizes that Mamba has."""
    wide = {name: drawn(TEXTS, CHANNELS, length, name=name) for name in ("hidden_states", "dt", "z")}
    narrow = {name: drawn(TEXTS, STATE, length, name=name) for name in ("B", "C")}
    weights = {"A": -drawn(CHANNELS, STATE, name="A").exp(), "D": drawn(CHANNELS, name="D")}
    made = wide | narrow | weights | {"delta_bias": drawn(CHANNELS, name="bias")}
    return {name: value.requires_grad_() for name, value in made.items()}


@pytest.mark.parametrize("length", [1, 2, 7])
def test_values_and_all_gradients_equal_the_loop_of_transformers(length: int) -> None:
    found = []
    for function in (scan.selective_scan, scan._theirs):
        given = inputs(length)
        out = function(**given, delta_softplus=True)
        out.backward(drawn(*out.shape, name="gradient"))
        found.append({"out": out.detach()} | {name: value.grad for name, value in given.items()})
    for name, value in found[1].items():
        # transformers turns B, C and the values of its products to float32
        torch.testing.assert_close(found[0][name], value, rtol=1e-5, atol=1e-5, msg=name)


def test_gradients_are_those_of_finite_differences() -> None:
    given = {name: value.detach() for name, value in inputs(5).items()}
    turned = {name: given[name].transpose(1, 2).contiguous() for name in ("hidden_states", "dt", "B", "C")}
    steps = turned["dt"].exp()  # a step is positive
    every = [turned["hidden_states"], steps, given["A"], turned["B"], turned["C"]]
    assert torch.autograd.gradcheck(scan.SelectiveScan.apply, [value.requires_grad_() for value in every])


def test_frozen_weights_get_no_gradient() -> None:
    given = {name: value.detach() for name, value in inputs(4).items()}
    given["hidden_states"].requires_grad_()
    scan.selective_scan(**given, delta_softplus=True).sum().backward()
    assert given["hidden_states"].grad is not None and given["A"].grad is None


def test_a_model_of_the_study_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modeling_mamba, "mamba_selective_scan", scan._theirs)
    model = models.untrained("mamba", models.write_texts(tmp_path))
    vectors = models.random_vectors(2, 5, model)
    found = model.hidden(vectors)
    assert modeling_mamba.mamba_selective_scan is scan.selective_scan
    monkeypatch.setattr(modeling_mamba, "mamba_selective_scan", scan._theirs)
    torch.testing.assert_close(found, model.hidden(vectors))
