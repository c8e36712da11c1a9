"""Bits and numbers of a trained arm are counted: shipped encoders declare what they hold, others are refused."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import tokentrial.encoders
from tokentrial.encoders.banded import Banded
from tokentrial.encoders.base import Context, Encoder, load
from tokentrial.errors import InputError
from tokentrial.schema import study_files
from tokentrial.studies import language_models, small_models
from tokentrial.training.condition import train_condition
from tokentrial.training.deployed import check_declared
from tokentrial.training.job import run_condition

SEEDS = (0, 1)
WORD_TYPES = 33278  # of WikiText-2's training text, with <eos>
FEW_TYPES = 300  # instead of any, where a first stage would take minutes; product quantisation needs 256
QUICK = ("banded", "hashed", "quotient_remainder")
STUDIES = (*small_models.STUDIES, "language_models")
KEYS_OF_TRAINING = ("encoder", "update", "steps")  # of an arm of small models; the others are its encoder's options


# The shipped encoders


def sizes_and_options(made: dict[str, Any], study: str) -> Iterator[tuple[int, int, int, dict[str, Any]]]:
    """(V, d_c, D, encoder and options) of every arm of a study."""
    if study != "language_models":
        for spec in small_models.conditions_of(made, study).values():
            for arm in spec["arms"].values():
                yield spec["vocab_size"], spec["width"], spec["full_width"], arm
        return
    for spec in language_models.jobs(made).values():
        quick = spec["encoder"]["encoder"] in QUICK
        types = made["language_models"]["tokens"][spec["tokens"]]["vocab_size"] or WORD_TYPES
        yield types if quick else FEW_TYPES, spec["width"], spec["full_width"], spec["encoder"]


def context_of(vocab_size: int, full_width: int) -> Context:
    """Two seeds whose texts have other counts, so that bands that follow from them differ in size."""
    ranks = torch.arange(1, vocab_size + 1)
    counts = torch.stack([1e6 / ranks, 1e6 / ranks**1.3]).ceil()
    table = torch.randn(len(SEEDS), vocab_size, full_width, generator=torch.Generator().manual_seed(1))
    text = torch.arange(64).remainder(vocab_size).view(1, 4, 16).expand(len(SEEDS), -1, -1)
    return Context(42, SEEDS, counts, lambda: table, 1.0, lambda message: None, lambda: text)


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("scale", ["config", "smoke", "paper"])
def test_every_shipped_arm_holds_what_it_declares(scale: str, study: str, root: Path) -> None:
    overlays = [] if scale == "config" else [root / f"config/{scale}.yaml"]
    made = study_files.default(root, *overlays)
    arms = {json.dumps(arm, sort_keys=True) for arm in sizes_and_options(made, study)}
    assert arms
    for vocab_size, width, full_width, arm in map(json.loads, arms):
        options = {key: value for key, value in arm.items() if key not in KEYS_OF_TRAINING}
        options |= {"reconstruction_steps": 1} if arm["encoder"] == "autoencoder" else {}
        encoder, untrained = (load(arm["encoder"])(vocab_size, width, full_width, **options) for _ in range(2))
        trainable, frozen = encoder.initialise(context_of(vocab_size, full_width))
        seeds = [{key: value[k : k + 1] for key, value in (trainable | frozen).items()} for k in range(len(SEEDS))]
        check_declared(str(arm), encoder, untrained, seeds)
        stored = [untrained.deployed(parameters).values() for parameters in seeds]
        held = [sum(values.numel() * bits for values, bits in tensors) for tensors in stored]
        if isinstance(encoder, Banded) and encoder.name in ("initial", "scaling"):
            assert max(held) < encoder.bits_deployed()  # as released, their tables have rows of tokens of other bands
        else:  # where seeds differ, the declared bits are those of a rounded mean
            assert sum(held) / len(held) == pytest.approx(encoder.bits_deployed(), abs=32 * (held[0] != held[1])), arm


# Encoders that hold more than they declare


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Make the module ``own_code`` of a class ``Own(Learned)``, whose body and what stands before it are given."""
    monkeypatch.setattr(tokentrial.encoders, "__path__", [*tokentrial.encoders.__path__, str(tmp_path)])

    def make(body: str, before: str = "") -> str:
        head = (
            "import torch\n"
            "from tokentrial.encoders.base import Encoder, Stored, gather\n"
            "from tokentrial.encoders.learned import Learned\n"
        )
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        (tmp_path / "own_code.py").write_text(f"{head}{before}\n\nclass Own(Learned):\n{lines}")
        return "own_code"

    yield make
    sys.modules.pop("tokentrial.encoders.own_code", None)


WITH_FROZEN = """\
def initialise(self, context):
    return super().initialise(context)[0], {"codes": CODES}
def forward(self, parameters, ids):
    return super().forward(parameters, ids) + READ
"""
LOOKED_UP = 'gather(parameters["codes"], ids)'


def frozen(codes: str, read: str = LOOKED_UP) -> str:
    """An encoder that also has frozen codes, (3, 12, n) or (3, 12), and adds to its vectors what it reads there."""
    return WITH_FROZEN.replace("CODES", codes).replace("READ", read)


def deployed(codes: str) -> str:
    return f'def deployed(self, parameters):\n    return super().deployed(parameters) | {{"codes": {codes}}}\n'


LARGE = frozen("torch.randn(3, 12, 4)")  # 1,536 bits beside the table's 1,536
DECLARED = "def bits_deployed(self):\n    return 32 * self.vocab_size * self.width + 12 * 2\n"
NUMBERS = "the tensors that deployed() returns, and from nothing else"
CHEATS = {
    "declares half": (
        "def bits_deployed(self):\n    return 16 * self.vocab_size * self.width\n", "",
        "found 1,536 bits a seed (table 1,536), expected at most the 768 that bits_deployed() declares",
    ),
    "frozen table": (
        LARGE, "",
        "found 3,072 bits a seed (table 1,536, codes 1,536), expected at most the 1,536 that bits_deployed() declares",
    ),
    "fewer numbers": (
        "def parameter_counts(self):\n    return {'embedding': 24}\n", "",
        "found 48 numbers a seed (parameters 48), expected at most the 24 that parameter_counts() declares",
    ),
    "numbers of training alone": (
        LARGE.replace("+ " + LOOKED_UP, "") + "def deployed(self, parameters):\n"
        "    return {'table': super().deployed(parameters)['table']}\n", "",
        "found 96 numbers a seed (parameters 96), expected at most the 48 that parameter_counts() declares",
    ),
    "attribute of the object": (
        "def initialise(self, context):\n    self.codes = torch.randn(12, 4)\n    return super().initialise(context)\n"
        "def forward(self, parameters, ids):\n    return super().forward(parameters, ids) + self.codes[ids]\n", "",
        "found AttributeError: 'Own' object has no attribute 'codes'; expected the trained vectors from " + NUMBERS,
    ),
    "attribute that is empty at first": (
        "codes = 0.0\ndef initialise(self, context):\n    self.codes = torch.randn(1)\n"
        "    return super().initialise(context)\n"
        "def forward(self, parameters, ids):\n    return super().forward(parameters, ids) + self.codes\n", "",
        "found other vectors; expected the trained vectors from " + NUMBERS,
    ),
    "attribute of the class": (
        "def initialise(self, context):\n    Own.codes = [torch.randn(12, 4)]\n    return super().initialise(context)\n"
        "def forward(self, parameters, ids):\n    return super().forward(parameters, ids) + self.codes[0][ids]\n", "",
        "found 3,072 bits a seed (table 1,536, Own.codes 1,536), expected at most the 1,536 that bits_deployed() "
        "declares",
    ),
    "variable of the module": (
        "def forward(self, parameters, ids):\n    return super().forward(parameters, ids) + CODES(ids)\n",
        "CODES = torch.nn.Embedding(12, 4).requires_grad_(False)\n",
        "found 3,072 bits a seed (table 1,536, tokentrial.encoders.own_code.CODES 1,536), expected at most the 1,536 "
        "that bits_deployed() declares",
    ),
    "left out of deployed": (
        LARGE + "def deployed(self, parameters):\n    return {'table': super().deployed(parameters)['table']}\n"
        "def parameter_counts(self):\n    return {'embedding': 96}\n", "",
        "found KeyError: 'codes'; expected the trained vectors from " + NUMBERS,
    ),
    "deployed with fewer digits": (
        "def deployed(self, parameters):\n    return {'table': Stored(parameters['table'].half(), 16)}\n", "",
        "found other vectors; expected the trained vectors from " + NUMBERS,
    ),
    "narrow numbers": (
        "def deployed(self, parameters):\n    return {'table': Stored(parameters['table'], 8)}\n", "",
        "deployed(): found 8 bits for an element of 'table', whose type is torch.float32; expected 32, or another type",
    ),
    "narrow codes": (
        frozen("torch.arange(12).view(1, 12, 1).repeat(3, 1, 1) - 5")
        + deployed("Stored(parameters['codes'], 2)") + DECLARED, "",
        "deployed(): found 2 bits for an element of 'codes', whose values go from -5 to 6; expected 4",
    ),
    "no whole number of bits": (
        "def deployed(self, parameters):\n    return {'table': Stored(parameters['table'], -1)}\n", "",
        "deployed(): found -1 bits for an element of 'table', expected a whole number",
    ),
    "free numbers": (
        frozen("torch.randn(3, 12, 4)") + deployed("Stored(parameters['codes'], 0)"), "",
        "deployed(): found 0 bits for codes; expected them only for one tensor (1, V) of row numbers, below the 12 "
        "rows of its tables",
    ),
    "free codes": (  # as many as there are tokens, but each of them is more than a row's number
        frozen("torch.randint(2**40, (3, 12))", "parameters['codes'].gather(1, ids.flatten(1)).view(*ids.shape, 1)")
        + deployed("Stored(parameters['codes'], 0)"), "",
        "deployed(): found 0 bits for codes; expected them only for one tensor (1, V) of row numbers, below the 12 "
        "rows of its tables",
    ),
    "free codes beside ids": (
        frozen("torch.arange(12).repeat(3, 1)", "parameters['codes'].gather(1, ids.flatten(1)).view(*ids.shape, 1)")
        + deployed("Stored(parameters['codes'], 0)"), "",
        "deployed(): found 0 bits for 'codes', but ids used beside it; expected its bits or none",
    ),
    "a name of the task model": (
        frozen("torch.zeros(3, 12, 4)").replace('"codes"', '"hidden"'), "",
        "found a tensor 'hidden', which is the task model's; expected another name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHEATS)
def test_more_than_declared_is_refused_in_one_line(kind: str, write: Any, spec_of: Any, data_of: Any) -> None:
    body, before, message = CHEATS[kind]
    arms = {"cheap": {"encoder": write(body, before)}}
    with pytest.raises(InputError) as caught:
        train_condition(spec_of(arms=arms, training={"steps": 2}), data_of())
    assert str(caught.value) == f"learned_encoding/small/done-right/v12: cheap: encoder 'own_code': {message}"


def test_nothing_is_written(write: Any, spec_of: Any, data_of: Any, tmp_path: Path) -> None:
    data, reference, runs, arms = (str(tmp_path / f"{name}.parquet") for name in ("data", "reference", "runs", "arms"))
    data_of().to_parquet(data, reference, name="data")
    spec = spec_of(arms={"cheap": {"encoder": write(CHEATS["declares half"][0])}}, training={"steps": 2})
    with pytest.raises(InputError, match="expected at most the 768"):
        run_condition(json.dumps(spec, sort_keys=True), data, reference, [], str(tmp_path / "checkpoints"), runs, arms)
    assert not any(Path(path).exists() for path in (runs, arms, tmp_path / "checkpoints"))


# Encoders that hold less than their training has


ROUNDED = """\
def forward(self, parameters, ids):
    codes = parameters["codes"] if "codes" in parameters else self.codes_of(parameters["table"])
    return gather(codes, ids) * 0.25
def codes_of(self, table):
    codes = (table / 0.25).round().clamp(-7, 7)
    return table / 0.25 + (codes - table / 0.25).detach()
def deployed(self, parameters):
    return {"codes": Stored(self.codes_of(parameters["table"]).round().to(torch.int8), 4)}
def bits_deployed(self):
    return 4 * self.vocab_size * self.width
"""


def test_a_table_trained_to_be_rounded_may_count_its_codes(write: Any, spec_of: Any, data_of: Any) -> None:
    spec = spec_of(arms={"rounded": {"encoder": write(ROUNDED)}}, training={"steps": 20})
    (arm,), _ = train_condition(spec, data_of())
    head = 4 * 8 + 8 * 12 + 12
    assert arm.costs["bits_deployed"] == 4 * 12 * 4 + 32 * head
    write(ROUNDED.replace("return 4 *", "return (4 - 1) *"))  # longer: Python compiles a file of the same second again
    sys.modules.pop("tokentrial.encoders.own_code")
    with pytest.raises(InputError, match=r"found 192 bits a seed \(codes 192\), expected at most the 144 that"):
        train_condition(spec, data_of())


def test_a_diverged_arm_is_no_cheat() -> None:
    encoder: Encoder = load("learned")(12, 4, 16)
    parameters: dict[str, Tensor] = {"table": torch.full((1, 12, 4), torch.nan)}
    check_declared("here", encoder, load("learned")(12, 4, 16), [parameters])
