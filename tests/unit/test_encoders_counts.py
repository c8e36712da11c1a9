"""Parameters by role: the formulas of the documents and of the methods, and the tensors that are really there."""

from typing import Any

import pytest
import torch

from tokentrial.data.spec import parse_spec
from tokentrial.encoders.base import Context
from tokentrial.encoders.factorised import Factorised
from tokentrial.encoders.full import Full
from tokentrial.encoders.learned import Learned
from tokentrial.models import heads
from tokentrial.studies.small_models import conditions
from tokentrial.training import condition
from tokentrial.training.loop import Fit

ROLES = ("parameters_embedding", "parameters_encoder", "parameters_decoder", "parameters_head")


def untrained(spec: dict[str, Any], length: int) -> condition.Job:
    """A job with a text of one sequence of ``length`` inputs."""
    ids = torch.zeros(spec["seeds"], 1, length, dtype=torch.int64)
    source = {"source": "zipf_iid", "exponent": 1, "vocab_size": spec["vocab_size"], "length": length + 1}
    source |= {"train": 1, "validation": 1, "test": 1}
    return condition.Job(spec, parse_spec(source), {"train": (ids, ids)}, torch.ones(spec["seeds"], spec["vocab_size"]))


def costs(spec: dict[str, Any], arm: str, length: int) -> dict[str, int]:
    job = untrained(spec, length)
    encoder, head = condition.build(job, arm, spec["arms"][arm])
    nothing = torch.empty(0)
    found = condition.costs(job, encoder, head, Fit({}, nothing, nothing, [(spec["training"]["steps"], nothing)]))
    return {name: count for name, count in found.items() if count is not None}


@pytest.mark.parametrize(
    ("ratio", "learned", "autoencoder"),
    [(2, 6_400, 25_984), (4, 3_200, 16_192), (8, 1_600, 11_296), (16, 800, 8_848)],
)
def test_document_000(ratio: int, learned: int, autoencoder: int, shipped: dict[str, Any]) -> None:
    """Protocol A6: 2 V d, and V D + 2 D d + V d, with V = 50 and D = 128."""
    spec = conditions(shipped)[f"learned_encoding/markov/as-described/ratio-{ratio}"]
    assert sum(costs(spec, "learned", 8)[role] for role in ROLES) == learned
    assert sum(costs(spec, "autoencoder_000", 8)[role] for role in ROLES) == autoencoder


def test_document_002(shipped: dict[str, Any]) -> None:
    """Protocol A1: V = 20, D = 32, d = 4, h = 32, no biases."""
    spec = conditions(shipped)["learned_encoding/compression/as-described/ratio-8"]
    learned, autoencoder = costs(spec, "learned", 7), costs(spec, "autoencoder_001", 7)
    assert [learned[role] for role in ROLES] == [80, 0, 0, 768]
    assert [autoencoder[role] for role in ROLES] == [640, 128, 128, 768]
    assert sum(learned[role] for role in ROLES) == 848
    assert sum(autoencoder[role] for role in ROLES[:3]) == 896
    assert sum(autoencoder[role] for role in ROLES) == 1_664
    assert (learned["params_trained"], autoencoder["params_trained"]) == (848, 256 + 768)  # its table stays as drawn
    assert (learned["bits_deployed"], autoencoder["bits_deployed"]) == (32 * 848, 32 * 848)  # its codes fold into one


@pytest.mark.parametrize(
    ("vocab_size", "width", "total"),
    [(100, 16, 5_312), (100, 8, 4_256), (100, 4, 3_728), (100, 2, 3_464), (50, 8, 2_256), (1000, 8, 40_256)],
)
def test_document_001(vocab_size: int, width: int, total: int) -> None:
    """Protocol A3: V d + 32 d + 32 V."""
    head = heads.build("token_mlp", vocab_size, width, 7, 32, bias=False)
    assert Learned(vocab_size, width, 32).trained_count() + heads.parameter_count(head) == total


@pytest.mark.parametrize(
    ("vocab_size", "full_width", "width", "total", "ratio"),
    [
        (33_278, 256, 32, 1_073_088, 7.9),
        (33_278, 256, 16, 536_544, 15.9),
        (33_278, 256, 8, 268_272, 31.8),
        (30_000, 768, 128, 3_938_304, 5.85),
    ],
)
def test_factorised_embedding(vocab_size: int, full_width: int, width: int, total: int, ratio: float) -> None:
    """ALBERT: V E + E d, against V d (methods, section 1)."""
    factorised, full = Factorised(vocab_size, width, full_width), Full(vocab_size, width, full_width)
    assert sum(factorised.parameter_counts().values()) == factorised.trained_count() == total
    assert full.trained_count() == vocab_size * full_width
    assert full.trained_count() / total == pytest.approx(ratio, abs=0.05)
    assert (factorised.bits_deployed(), full.bits_deployed()) == (32 * total, 32 * vocab_size * full_width)


V, D, WIDTH = 12, 16, 4
STAGE_ONE = {"standard": (D * WIDTH, WIDTH * D), "variational": (2 * D * WIDTH, WIDTH * D)}
STAGE_ONE["deep"] = (D * 10 + 10 * WIDTH, WIDTH * 10 + 10 * D)  # hidden layers half-way between D and d


@pytest.mark.parametrize("head_name", heads.HEADS)
def test_every_arm_against_its_tensors(head_name: str, shipped: dict[str, Any], spec_of: Any) -> None:
    for arm, options in shipped["learned_encoding"]["arms"].items():
        first_stage = {"reconstruction_steps": 1} if options["encoder"] == "autoencoder" else {}
        spec = spec_of(head=head_name, arms={arm: {**options, **first_stage}})
        encoder, head = condition.build(untrained(spec, 5), arm, spec["arms"][arm])
        context = Context(42, (0, 1, 2), torch.ones(3, V), lambda: torch.randn(3, V, D), 1.0, lambda message: None)
        trainable, frozen = encoder.initialise(context)
        task = heads.initialise(head, context, None)
        for value in (trainable | frozen | task).values():
            assert (value.shape[0], value.dtype) == (3, torch.float32)

        def numbers(tensors: dict[str, torch.Tensor]) -> int:
            return sum(value[0].numel() for value in tensors.values())

        found, roles = costs(spec, arm, 5), encoder.parameter_counts()
        assert found["parameters_head"] == numbers(task) == heads.parameter_count(head)
        assert found["bits_deployed"] == 32 * numbers(trainable | frozen | task)
        if options["encoder"] == "autoencoder":
            maps = encoder._initial_maps(context)
            assert numbers(maps) == roles["encoder"] + roles["decoder"]
            assert (roles["encoder"], roles["decoder"]) == STAGE_ONE[options.get("variant", "standard")]
            table = V * D if options.get("table", "task") == "task" else 0
            assert found["params_trained"] == table + numbers(maps) + numbers(trainable) + numbers(task)
            assert roles["embedding"] == V * D
        elif options["encoder"] == "pca":  # the table it compresses is trained, its projection is a closed form
            assert roles == {"embedding": V * D, "encoder": D * WIDTH}
            assert found["params_trained"] == V * D + numbers(task)
        else:
            assert sum(roles.values()) == numbers(trainable | frozen)
            assert found["params_trained"] == numbers(trainable | task)
        assert [found[role] for role in ROLES[:3]] == [roles.get(role[11:], 0) for role in ROLES[:3]]


def test_steps_are_those_of_the_arm(spec_of: Any, data_of: Any) -> None:
    arms = {"learned": {"encoder": "learned"}, "short": {"encoder": "learned", "steps": 7}}
    trained, _ = condition.train_condition(spec_of(arms=arms), data_of())
    assert {arm.name: arm.costs["steps"] for arm in trained} == {"learned": 30, "short": 7}
