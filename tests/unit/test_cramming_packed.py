"""Texts of several lengths in one pass through a body, against a pass for each."""

from dataclasses import replace
from pathlib import Path

import cramming_models as models
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tokentrial.cramming import packed
from tokentrial.cramming.decode import Reader
from tokentrial.cramming.engine import Cramming, measure_together

SIZES = ((3, 1), (2, 7), (4, 5))  # texts, positions


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return models.write_texts(tmp_path_factory.mktemp("texts"))


def close(architecture: str) -> float:
    return 1e-10 if architecture == "neox" else 1e-5  # norms of transformers' Llama are float32 whatever its type


@pytest.mark.parametrize("architecture", ["llama", "neox"])
def test_one_pass_gives_each_text_what_a_pass_of_its_own_gives(files: dict[str, str], architecture: str) -> None:
    model = models.lively(architecture, files)
    assert model.packs
    vectors = [models.random_vectors(*size, model, seed=size[1]).requires_grad_() for size in SIZES]
    alone, together = [model.hidden(each) for each in vectors], model.hidden_together(vectors)
    weights = [models.random_vectors(*size, model, seed=9) for size in SIZES]
    near = {"rtol": close(architecture), "atol": close(architecture)}
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(other, one, **near)
    found = [torch.autograd.grad(states, vectors, weights) for states in (alone, together)]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, rtol=near["rtol"], atol=near["atol"] * float(one.abs().max()))


@pytest.mark.parametrize("positions", [1, 20, 1000])
@pytest.mark.parametrize("architecture", ["llama", "neox"])
def test_batches_measured_together_equal_batches_alone(
    files: dict[str, str], architecture: str, positions: int
) -> None:
    """Of several lengths, numbers of vectors and texts that share them, in any number of passes."""
    model = models.lively(architecture, files)
    reader = replace(Reader.of(model), positions=positions)

    def works() -> list[Cramming]:
        made = []
        for units, texts, vectors, length in ((5, 1, 1, 6), (3, 2, 2, 4), (1, 1, 3, 9)):
            ids = models.random_ids(units * texts, length).view(units, texts, length)
            made.append(Cramming(reader, ids, models.random_vectors(units, vectors, model), models.settings()))
        return made

    together, alone = works(), works()
    measure_together(together)
    for one, other in zip(alone, together, strict=True):
        expected, found = one.measure(), other.measure()
        assert other.measured is None  # a step does not see it twice
        assert torch.equal(found.hits, expected.hits)
        near = {"rtol": close(architecture), "atol": close(architecture) * float(expected.gradient.abs().max())}
        torch.testing.assert_close(found.losses, expected.losses, rtol=near["rtol"], atol=near["rtol"])
        torch.testing.assert_close(found.gradient, expected.gradient, **near)


@pytest.mark.parametrize("positions", [1, 7, 30, 1000])
def test_passes_hold_every_input_once_and_are_of_about_equal_size(files: dict[str, str], positions: int) -> None:
    reader = replace(Reader.of(models.lively("neox", files)), positions=positions)
    sizes = [(5, 3), (1, 20), (7, 2), (0, 4)]
    passes = reader.passes_together(sizes)
    held = [(index, unit) for slices in passes for index, part in slices for unit in range(part.start, part.stop)]
    assert held == [(index, unit) for index, (count, _) in enumerate(sizes) for unit in range(count)]
    lengths = [sum(sizes[index][1] * (part.stop - part.start) for index, part in slices) for slices in passes]
    assert max(lengths) <= positions + 20  # no more than a text beyond


def test_models_that_cannot_take_it_are_left_as_they_are(tmp_path: Path, files: dict[str, str]) -> None:
    assert not models.untrained("mamba", files).packs
    shape = {"vocab_size": 8, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    grouped = LlamaForCausalLM(LlamaConfig(**shape, num_attention_heads=4, num_key_value_heads=2))
    assert not packed.install(grouped) and grouped.config._attn_implementation != packed.NAME


def test_a_compiled_model_takes_one_length_at_a_time(files: dict[str, str]) -> None:
    reader = Reader.of(models.untrained("llama", files))
    assert reader.packs and not replace(reader, compiled=True).packs
