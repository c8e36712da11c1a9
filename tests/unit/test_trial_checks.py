"""``tokentrial try --check``: what is right, and one line for each thing that can be wrong with an encoder."""

import json
from pathlib import Path

import pytest
from command import Command, command, refused  # noqa: F401
from own_encoders import ENCODER, MODULE, TWO_STAGE, written

from tokentrial.encoders import base
from tokentrial.errors import InputError
from tokentrial.schema.encoders import SHIPPED
from tokentrial.trial import candidates, checks
from tokentrial.trial.checks import Sizes

SIZES = Sizes(vocab_size=20, width=4, full_width=8)


def findings(where: str, *entries: str) -> dict[str, tuple[str, str]]:
    """Check -> how it ended, and what it said."""
    candidate = candidates.load(where)
    every = checks.findings(candidate, SIZES, candidates.sweep(entries))
    return {one.check: (one.result, one.said) for _, one in every}


@pytest.mark.parametrize(("text", "entry"), [(MODULE, "rank=2"), (ENCODER, "rows=4"), (TWO_STAGE, "bits=3")])
def test_what_is_right_is_ok(text: str, entry: str, tmp_path: Path) -> None:
    found = findings(written(tmp_path, text), entry)
    assert list(found) == ["options", *checks.CHECKS] and {result for result, _ in found.values()} == {"ok"}


def test_bits_are_counted_from_the_tensors(tmp_path: Path) -> None:
    assert findings(written(tmp_path, MODULE), "rank=2")["bits"][1].startswith(f"{32 * (20 * 2 + 2 * 8):,} bits")
    assert findings(written(tmp_path, TWO_STAGE), "bits=3")["bits"][1].startswith(f"{20 * 8 * 3 + 32:,} bits")


@pytest.mark.parametrize("kind", SHIPPED, ids=lambda kind: kind.__name__)
def test_shipped_encoders_declare_what_their_tensors_hold(kind: type) -> None:
    """The check of equality holds for all encoders with one set of options that the shipped configs have."""
    options = {
        "Quantised": {"bits": 4}, "ProductQuantised": {"groups": 2, "centroids": 4}, "Hashed": {"buckets": 5},
        "QuotientRemainder": {"buckets": 5}, "Banded": {"layout": "uniform"}, "BespokeLayout": {"layout": "optimized"},
        "UltraEfficient": {"layout": "ultra_efficient"}, "Adaptive": {"layout": "adaptive", "cutoffs": [4]},
        "Mixed": {"layout": "mixed", "blocks": [4, None], "alpha": 0.5}, "Uniform": {"layout": "uniform_projected"},
        "UniformBudget": {"layout": "uniform_budget", "of": "optimized"}, "Autoencoder": {"reconstruction_steps": 2},
        "TensorTrain": {"rank": 2}, "LowRankResidual": {"rank": 2, "bits": 4},
        "ProductLearned": {"groups": 2, "centroids": 4},
    }.get(kind.__name__, {})  # fmt: skip
    for tag in kind.tags:  # type: ignore[attr-defined]
        name = tag.partition("/")[0]
        if name == "autoencoder_released":  # needs a text
            continue
        candidate = candidates.Candidate(name, name, base.load(name), None)
        assert checks.bits(candidate, SIZES, options)


FORWARD = "return gather(parameters["
FAULTS = [
    ("shapes", ENCODER, [(FORWARD, "return 2 * gather(parameters["), ("% self.rows)", "% self.rows)[..., :1]")],
     "forward: found the shape (2, 20, 1, 1) for ids (2, 20, 1), expected (2, 20, 1, 4)"),
    ("shapes", ENCODER, [("% self.rows)", "% self.rows) / 0 * 0")], "forward: found NaN or infinite numbers"),
    ("shapes", ENCODER, [("% self.rows)", "% self.rows) + ids.double().mean()")], "that depend on other tokens"),
    ("shapes", ENCODER, [("% self.rows)", "+ 100)")], "forward: found IndexError: "),
    ("shapes", ENCODER, [("self.rows, self.width)", "self.rows, self.width)[0]")], "expected one row a seed"),
    ("shapes", ENCODER, [('{"table"', '{"output"'), ('["table"]', '["output"]')], "is the task model's"),
    ("gradients", ENCODER, [('}, {}', ', "unused": context.normal("u", 2)}, {}')], "'unused': found no gradient"),
    ("gradients", ENCODER, [('parameters["table"]', 'parameters["table"].detach()')], "vectors without a gradient"),
    ("seeds", ENCODER, [('context.normal("shared_rows", self.rows, self.width)',
                         '__import__("torch").randn(len(context.replicates), self.rows, self.width)')],
     "expected draws from context.normal"),
    ("bits", ENCODER, [("return 32 * self.rows", "return 1 * self.rows")], "at most the 32 that bits_deployed"),
    ("bits", ENCODER, [("return 32 * self.rows", "return 64 * self.rows")],
     "found 2,048 bits in bits_deployed(), expected the 1,024 of its tensors"),
    ("bits", TWO_STAGE, [('parameters["codes"], self.bits)', 'parameters["codes"], 2)')],
     "found 2 bits for an element of 'codes', whose values go from -3 to 3; expected 3"),
    ("options", MODULE, [("self.rows =", "self.hidden_table = __import__('torch').ones(3)\n        self.rows =")],
     "attribute 'hidden_table' holds numbers, expected a parameter or register_buffer"),
    ("options", MODULE, [("return self.up(self.rows(ids))", "return self.up(self.rows(ids)).mean(1)")],
     "forward: found the shape (1, 8) for ids (1, 1), expected (1, 1, width)"),
    ("options", MODULE, [("return self.up(self.rows(ids))", "raise KeyError('nothing here')")],
     "found KeyError: 'nothing here' (line 12)"),
    ("options", ENCODER, [("super().__init__(vocab_size", "len(rows)\n        super().__init__(vocab_size")],
     "__init__: found TypeError: object of type 'int' has no len() (line 7)"),
    ("options", ENCODER, [("def bits_deployed", "def bits"), ("def forward", "def forwards")], "not define forward"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "text", "changes", "line"), FAULTS, ids=[fault[3][:40] for fault in FAULTS])
def test_what_is_wrong_is_one_line(
    check: str, text: str, changes: list[tuple[str, str]], line: str, tmp_path: Path
) -> None:
    entry = {MODULE: "rank=2", ENCODER: "rows=8", TWO_STAGE: "bits=3"}[text]
    where = written(tmp_path, text, *changes)
    result, said = findings(where, entry)[check]
    assert result == "wrong" and line in said and said.startswith(where) and said.isprintable()
    with pytest.raises(InputError):
        checks.require(candidates.load(where), SIZES, candidates.sweep([entry]))


# What cannot be loaded


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ("import not_there_at_all\n", "", "needs the module 'not_there_at_all', which is not installed"),
        ("def f(:\n", "", "line 1: invalid syntax, expected Python"),
        ("x = 1\n", "", "found no subclass of Encoder or torch.nn.Module, expected one, or a name as in "),
        (MODULE + MODULE.replace("TensorTrain", "Other"), "", "found TensorTrain, Other, expected one"),
        (MODULE, ":TensorTran", "found no encoder 'TensorTran'; did you mean 'TensorTrain'?"),
        ("x = 1 / 0\n", "", "import: found ZeroDivisionError: division by zero (line 1)"),
        ("import sys; sys.exit(3)\n", "", "ends the process (3) when it is imported"),
    ],
)
def test_a_file_that_is_no_encoder_is_one_line(
    text: str,
    name: str,
    line: str,
    tmp_path: Path,
    command: Command,  # noqa: F811
) -> None:
    said = refused(command("try", written(tmp_path, text) + name))
    assert line in said


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nothing.py",), "nothing.py: not found, expected a Python file with an encoder"),
        (("no.such.module:Class",), "no.such.module"),
        (("MINE", "--set", "rank"), "--set: found 'rank', expected option=value or option=value,value"),
        (("MINE", "--set", "rank=[1]"), "--set: found 'rank=[1]', expected numbers, true, false or text"),
        (("MINE", "--set", "rank=2", "--set", "rank=3"), "--set: found 'rank' twice, expected rank=value,value"),
        (("MINE", "--set", "rnk=2"), "has no such option: rnk; expected one of rank"),
        (("MINE",), "needs the option 'rank', found none; give it by --set rank=..."),
        (("MINE", "--set", "rank=2", "--ratios", "3"), "--ratios: found 3, expected some of 2, 4, 8, 16, 32"),
        (("MINE", "--set", "rank=2", "--ratios", "x"), "--ratios: found 'x', expected whole numbers such as 2,8"),
        (("MINE", "--set", "rank=2", "--on", "compresion/v100"), "did you mean 'compression/v100'?"),
        (("MINE", "--set", "rank=2", "-o", "no/such/folder.html"), "cannot be written: no/such is no folder"),
    ],
)
def test_mistakes_of_the_command_are_one_line(
    arguments: tuple[str, ...],
    line: str,
    tmp_path: Path,
    command: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = written(tmp_path, MODULE)
    monkeypatch.chdir(tmp_path)
    assert line in refused(command("try", *(mine if word == "MINE" else word for word in arguments)))
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["mine.py"]


def test_check_says_all_and_exits_with_1_if_one_is_wrong(tmp_path: Path, command: Command) -> None:  # noqa: F811
    right = command("try", written(tmp_path, ENCODER), "--check", "--json")
    assert right.code == 0 and {one["result"] for one in json.loads(right.out)} == {"ok"}
    lies = written(tmp_path, ENCODER, ("return 32 * self.rows", "return self.rows"), name="lies.py")
    wrong = command("try", lies, "--check")
    assert wrong.code == 1 and "✖" in wrong.out and "bits_deployed() declares" in " ".join(wrong.out.split())
    assert "bits_deployed() declares" in refused(command("try", lies))


def test_a_sweep_is_every_combination() -> None:
    assert candidates.sweep(["rank=2,4", "kind=a"]) == [{"rank": 2, "kind": "a"}, {"rank": 4, "kind": "a"}]
    assert candidates.sweep([]) == [{}]
    assert candidates.sweep(["x=true,0.5"]) == [{"x": True}, {"x": 0.5}]
    with pytest.raises(InputError, match="found 100 combinations"):
        numbers = ",".join(map(str, range(10)))
        candidates.sweep([f"a={numbers}", f"b={numbers}"])
