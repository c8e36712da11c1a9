"""FLOPs by formula equal those that torch counts in a training step, for a small arm of each study."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from cramming_models import ARCHITECTURES, random_ids, random_vectors, settings, untrained, write_texts
from torch.utils.flop_counter import FlopCounterMode

from tokentrial import flops
from tokentrial.cramming.decode import Reader
from tokentrial.cramming.engine import Cramming
from tokentrial.encoders.base import Context, load
from tokentrial.models import heads
from tokentrial.training import language_model
from tokentrial.training.loop import Settings, loss_of_step

VOCAB_SIZE, SEEDS, LENGTH = 40, 2, 4
TRAINING = {"learning_rates": [0.01, 0.1], "steps": 10, "batch_size": 3, "evaluations": 5, "decay": True}
SMALL = {"vocab_size": VOCAB_SIZE, "full_width": 16, "width": 8, "hidden": 12, "seeds": SEEDS}


def added(shapes: Any, *others: Any, out_shape: Any = None, **options: Any) -> int:
    """FLOPs of addmm_(left, right), which torch's counter leaves out."""
    left, right = others[:2]
    return 2 * left[0] * left[1] * right[1]


def attended(query: Any, key: Any, *others: Any, out_shape: Any = None, **options: Any) -> int:
    """FLOPs of a processor's fused attention, which torch's counter leaves out: queries by keys, weights by values."""
    batch, heads, length, width = query
    return 4 * batch * heads * length * key[2] * width


def attended_backwards(gradient: Any, query: Any, key: Any, *others: Any, out_shape: Any = None, **options: Any) -> int:
    """Two gradients of each product; that the kernel makes one of them again is not counted."""
    return 2 * attended(query, key)


ATEN = torch.ops.aten
LEFT_OUT = {
    ATEN.addmm_: added,
    ATEN._scaled_dot_product_flash_attention_for_cpu: attended,
    ATEN._scaled_dot_product_flash_attention_for_cpu_backward: attended_backwards,
}
CONVOLUTIONS = (ATEN.convolution, ATEN.convolution_backward)  # Mamba's, not counted by formula


def counted(work: Callable[[], Any]) -> int:
    """FLOPs of the matrix products that torch counts in some work."""
    with FlopCounterMode(display=False, custom_mapping=LEFT_OUT) as counter:
        work()
    kinds = counter.get_flop_counts()["Global"]
    return sum(flops for kind, flops in kinds.items() if kind not in CONVOLUTIONS)


@pytest.mark.parametrize("head", ["mean_pool", "token_mlp", "window_mlp"])
@pytest.mark.parametrize("encoder", ["learned", "full", "random_frozen", "one_hot", "unigram", "factorised"])
@pytest.mark.parametrize("batch_size", [3, None])
def test_a_step_of_a_small_model(head: str, encoder: str, batch_size: int | None) -> None:
    """Fewer tokens than V in a step, or for a token head all pairs' counts: no lookup either way."""
    sequences = {"train": 6, "validation": 5, "test": 5}
    spec = {**SMALL, "head": head, "training": {**TRAINING, "batch_size": batch_size}}
    rng = np.random.default_rng(1)
    ids = torch.from_numpy(rng.integers(0, VOCAB_SIZE, (SEEDS, sequences["train"], LENGTH + 1)))
    text = (ids[:, :, :-1], ids[:, :, 1:] if head == "token_mlp" else ids[:, :, -1:])
    counts = torch.ones(SEEDS, VOCAB_SIZE)
    made = load(encoder)(VOCAB_SIZE, 8, 16)
    model = heads.build(head, VOCAB_SIZE, made.output_width, LENGTH, 12, False)
    context = Context(1, (0, 1), counts, lambda: torch.empty(0), 0.1, print)
    trainable, frozen = made.initialise(context)
    trainable |= heads.initialise(model, context, None)
    weights = {name: value.repeat(2, 1, 1).requires_grad_() for name, value in trainable.items()}
    everything = weights | {name: value.repeat(2, 1, 1) for name, value in frozen.items()}
    settings = Settings((0.01, 0.1), 10, batch_size, 5, True, "best")
    loss = loss_of_step(made, model, everything, text, settings, 1, (0, 1))
    sizes = flops.Sizes(sequences, LENGTH, text[1].shape[2], np.ones((SEEDS, VOCAB_SIZE), dtype=np.int64))
    step = sum(layer.trained for layer in flops.step_layers(spec, {"encoder": encoder}, sizes))
    found = counted(lambda: torch.autograd.grad(loss(0).sum(), list(weights.values())))
    assert found == 2 * SEEDS * step  # two rates


@pytest.mark.parametrize("options", [{"layout": "optimized"}, {"layout": "uniform_projected"}, {"layout": "initial"}])
def test_a_step_over_bands(options: dict[str, str]) -> None:
    """Document 003's tables, whole text: each seed ranks tokens by its own counts."""
    sequences = {"train": 20, "validation": 5, "test": 5}
    spec = {**SMALL, "full_width": 64, "head": "token_mlp", "training": {**TRAINING, "batch_size": None}}
    drawn = np.random.default_rng(1).zipf(1.5, (SEEDS, sequences["train"], LENGTH + 1)) % VOCAB_SIZE
    ids = torch.from_numpy(drawn)
    text = (ids[:, :, :-1], ids[:, :, 1:])
    counts = np.stack([np.bincount(seed[:, :-1].ravel(), minlength=VOCAB_SIZE) for seed in drawn])
    made = load("banded")(VOCAB_SIZE, 8, 64, **options)
    model = heads.build("token_mlp", VOCAB_SIZE, made.output_width, LENGTH, 12, False)
    context = Context(1, (0, 1), torch.from_numpy(counts).float(), lambda: torch.empty(0), 0.1, print)
    trainable, frozen = made.initialise(context)
    trainable |= heads.initialise(model, context, None)
    weights = {name: value.requires_grad_() for name, value in trainable.items()}
    settings = Settings((0.01,), 10, None, 5, True, "best")
    loss = loss_of_step(made, model, weights | frozen, text, settings, 1, (0, 1))
    sizes = flops.Sizes(sequences, LENGTH, LENGTH, counts)
    searched = {"learning_rates": [0.01], "steps": 10}  # of training, no options of the encoder
    step = sum(layer.trained for layer in flops.step_layers(spec, {"encoder": "banded", **options, **searched}, sizes))
    found = counted(lambda: torch.autograd.grad(loss(0).sum(), list(weights.values())))
    assert found == pytest.approx(SEEDS * step, rel=1e-12)


@pytest.mark.parametrize(
    ("encoder", "width", "body_width"),
    [("learned", 8, 16), ("full", 16, 16), ("random_frozen", 8, 16), ("learned", 8, 8)],
)
@pytest.mark.parametrize("tied", [False, True])
def test_a_step_of_a_language_model(encoder: str, width: int, body_width: int, tied: bool) -> None:
    body = {"kind": "transformer", "layers": 2, "heads": 2, "feedforward": 20, "dropout": 0.1}
    spec = {
        "encoder": {"encoder": encoder},
        "width": width,
        "full_width": 16,
        "body_width": body_width,
        "body": body,
        "tied": tied,
        "bias": False,
        "precision": "float32",
        "training": {"length": 6},
        "arm": "a",
    }
    model = language_model.build(spec, VOCAB_SIZE)
    table = torch.randn(1, VOCAB_SIZE, 16)
    model.initialise(Context(1, (0,), torch.ones(1, VOCAB_SIZE), lambda: table, 0.1, print))
    ids = torch.randint(VOCAB_SIZE, (5, 6))
    found = counted(lambda: model.loss(ids, ids)[0].backward())
    made = flops.language_layers(spec, np.ones((1, VOCAB_SIZE), dtype=np.int64), 5)
    assert found == sum(layer.trained for layer in made)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_texts(tmp_path_factory.mktemp("texts"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_step_of_cramming(architecture: str, files: dict[str, str]) -> None:
    model = untrained(architecture, files)
    work = Cramming(Reader.of(model), random_ids(3, 6).unsqueeze(1), random_vectors(3, 2, model), settings())
    assert counted(work.step) == 3 * flops.cramming_step(model.model.config.to_dict(), 6, 2, 5)
