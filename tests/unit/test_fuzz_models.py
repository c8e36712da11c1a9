"""Language-model folders under fire: nothing in them is ever run, and whatever is wrong with one is one line."""

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from tokentrial.cramming import architectures, folders
from tokentrial.errors import InputError

VOCABULARY = 40
SHAPE = {"architecture": "llama", "width": 16, "layers": 1, "context": 32}
FIRE = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as this project writes it; tests copy it before they change it."""
    words = Tokenizer(models.WordLevel({f"w{index}": index for index in range(VOCABULARY)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path_factory.mktemp("whole") / "model"
    folders.write(path, architectures.build(SHAPE, VOCABULARY, seed=1), words, {})
    return path


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def change(path: Path, **keys: Any) -> None:
    found = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(found | keys))


def refused(folder: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        folders.read(folder)
    line = str(caught.value)
    assert len(line.splitlines()) == 1 and line.isprintable() and str(folder) in line


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00001.bin", "model.pt", "model.ckpt"])
def test_pickled_weights_are_never_opened(name: str, folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    torch.save(Touch(made), folder / name)
    torch.load(folder / name, weights_only=False)  # what would happen
    assert made.exists()
    made.unlink()
    folders.read(folder)  # beside safetensors they are not looked at
    assert not made.exists()
    (folder / "model.safetensors").rename(tmp_path / "other")
    refused(folder, r"found only pickled weights \(.*\), which can run code; expected model.safetensors")
    change(folder / "pytorch_model.bin.index.json", metadata={}, weight_map={"lm_head.weight": name})
    refused(folder, "found only pickled weights")
    (folder / name).rename(folder / "model.safetensors")  # under the name of what is safe
    refused(folder, "not a usable language model")
    assert not made.exists()


@pytest.mark.parametrize("shard", ["pytorch_model.bin", "../a.safetensors", "/tmp/model.safetensors", 1, None])
def test_an_index_names_safe_files_beside_it_alone(shard: Any, folder: Path, tmp_path: Path) -> None:
    torch.save(Touch(tmp_path / "made"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    change(folder / "model.safetensors.index.json", metadata={}, weight_map={"lm_head.weight": shard})
    refused(folder, r"index.json: weight_map: found .*, expected a \.safetensors file beside it")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("kind", ["llama", "no-such-kind"])
def test_code_of_the_models_own_is_never_run(file: str, kind: str, folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    (folder / "own.py").write_text(f"import pathlib\npathlib.Path({str(made)!r}).touch()\nclass Own: pass\n")
    classes = dict.fromkeys(("AutoConfig", "AutoModelForCausalLM", "AutoTokenizer"), "own.Own")
    change(folder / "config.json", model_type=kind)
    change(folder / file, auto_map=classes)
    refused(folder, rf"{file}: found auto_map, which names code of the model that is never run")
    assert not made.exists()


def test_weights_that_are_not_there_are_not_drawn_at_random(folder: Path) -> None:
    change(folder / "config.json", num_hidden_layers=2)
    refused(folder, r"found no weights for \d+ tensors of the model, such as model\.layers\.1\.")


NONSENSE: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        3,
        10**12,
        0.5,
        "",
        "x",
        "../x",
        "a\nb",
        [],
        [1],
        {},
        {"a": 1},
        "no-such-kind",
        "gpt2",
        "mamba",
    ),
]


def replaced(path: Path, rng: random.Random) -> None:
    """One value somewhere in a JSON file replaced."""
    found = json.loads(path.read_text())
    holder, key = found, rng.choice(list(found))
    while isinstance(holder[key], dict) and holder[key] and rng.random() < 0.8:
        holder, key = holder[key], rng.choice(list(holder[key]))
    holder[key] = rng.choice(NONSENSE)
    path.write_text(json.dumps(found))


def damaged(path: Path, rng: random.Random) -> None:
    """A bit flipped, a part cut out, doubled or zeroed."""
    content = path.read_bytes()
    start, length = rng.randrange(len(content)), rng.randrange(1, 40)
    head, part, tail = content[:start], content[start : start + length], content[start + length :]
    flip = bytes([part[0] ^ (1 << rng.randrange(8))]) + part[1:]
    path.write_bytes(head + rng.choice([b"", flip, flip, part + part, bytes(len(part))]) + tail)


def test_damaged_folders_are_read_or_refused_in_one_line(whole: Path, tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    names = ["config.json", "config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]

    @settings(FIRE, max_examples=200)
    @given(st.integers(0, 2**64), st.sampled_from(names), st.sampled_from([replaced, damaged]))
    def fire(seed: int, name: str, how: Callable[[Path, random.Random], None]) -> None:
        folder = tmp_path / "model"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        (damaged if name == "model.safetensors" else how)(folder / name, random.Random(seed))
        try:
            folders.read(folder)
        except InputError as error:
            line = str(error)
            assert len(line.splitlines()) == 1 and line.isprintable() and len(line) < 1000, line
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1

    fire()
    assert sum(outcomes.values()) >= 200 and min(outcomes["read"], outcomes["refused"]) >= 20, outcomes
