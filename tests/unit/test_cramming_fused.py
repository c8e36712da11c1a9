"""The fused parts of a frozen Llama against transformers' own, and their gradients against finite differences."""

from pathlib import Path

import cramming_models as models
import pytest
import torch
from torch import Tensor
from transformers.models.llama import modeling_llama

from tokentrial.cramming import fused
from tokentrial.seeds import stream


def drawn(*shape: int, name: str) -> Tensor:
    return torch.from_numpy(stream(0, "fused", name).standard_normal(shape))


def angles(*shape: int) -> tuple[Tensor, Tensor]:
    """cos and sin, the same for both halves of the last axis."""
    half = drawn(*shape[:-1], shape[-1] // 2, name="angles")
    whole = torch.cat([half, half], -1)
    return whole.cos(), whole.sin()


def test_the_norm_is_that_of_transformers() -> None:
    module = modeling_llama.LlamaRMSNorm(12)
    module.weight.data = drawn(12, name="weight").float()
    results = []
    for function in (module, lambda vectors: fused._normed(module, vectors)):
        vectors = drawn(3, 5, 12, name="vectors").float().requires_grad_()
        out = function(vectors)
        out.backward(drawn(3, 5, 12, name="gradient").float())
        results.append((out.detach(), vectors.grad))
    for ours, theirs in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_the_rotation_is_that_of_transformers() -> None:
    cosine, sine = (each.float() for each in angles(2, 7, 8))
    results = []
    for function in (fused.rotate, fused._theirs):
        query, key = (drawn(2, 3, 7, 8, name=name).float().requires_grad_() for name in ("query", "key"))
        turned = function(query, key, cosine, sine)
        sum((out * drawn(2, 3, 7, 8, name="gradient")).sum() for out in turned).backward()
        results.append((*(out.detach() for out in turned), query.grad, key.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_gradients_are_those_of_finite_differences() -> None:
    vectors = drawn(2, 5, 6, name="vectors").requires_grad_()
    weight = drawn(6, name="weight")
    assert torch.autograd.gradcheck(lambda x: fused.RMSNorm.apply(x, weight, 1e-6), [vectors])
    assert torch.autograd.gradcheck(lambda x: fused.Rotation.apply(x, *angles(2, 5, 6)), [vectors])


def test_other_types_of_numbers_are_left_to_transformers() -> None:
    """bfloat16 under autocast: the norm computes in float32 there, which a product of bfloat16 would not."""
    module = modeling_llama.LlamaRMSNorm(12)
    vectors = drawn(5, 12, name="vectors").bfloat16()
    assert torch.equal(fused._normed(module, vectors), module(vectors))


def test_a_frozen_llama_uses_them_and_no_other_model_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modeling_llama, "apply_rotary_pos_emb", fused._theirs)
    texts = models.write_texts(tmp_path)
    models.untrained("neox", texts)
    assert modeling_llama.apply_rotary_pos_emb is fused._theirs
    model = models.untrained("llama", texts)
    assert modeling_llama.apply_rotary_pos_emb is fused.rotate
    vectors = models.random_vectors(2, 5, model)
    ours = model.hidden(vectors)
    norms = [module for module in model.model.modules() if isinstance(module, modeling_llama.LlamaRMSNorm)]
    for norm in norms:
        del norm.forward  # the class's own is back
    monkeypatch.setattr(modeling_llama, "apply_rotary_pos_emb", fused._theirs)
    torch.testing.assert_close(ours, model.hidden(vectors))
    assert norms
