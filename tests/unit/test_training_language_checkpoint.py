"""Checkpoints: exact round trip, whose they are, and what happens to a damaged one."""

import math
from pathlib import Path

import pytest
import torch

from tokentrial.errors import InputError
from tokentrial.training.checkpoint import Saved, prefixed, read, resume, write


def state() -> Saved:
    generator = torch.Generator().manual_seed(3)
    tensors = {
        "run/weights": torch.randn(5, 7, generator=generator),
        "run/count": torch.tensor(3.0),
        "random/cpu": generator.get_state(),
        "codes": torch.arange(-4, 4, dtype=torch.int8),
    }
    return Saved(tensors, {"loss": 0.1 + 0.2, "worst": math.inf, "rows": [["a", 1, None, 1e-300]], "name": "é"})


def refused(path: Path, log: list[str]) -> None:
    """A damaged file is discarded with one line, and training starts anew."""
    assert resume(path, "one", log.append) is None
    assert not path.exists()
    assert len(log) == 1
    assert str(path) in log[0]
    assert "discarded" in log[0]
    assert "\n" not in log[0]


def test_what_was_written_comes_back_exactly(tmp_path: Path) -> None:
    saved = state()
    write(tmp_path / "deep" / "state.safetensors", saved, "one")
    found, identity = read(tmp_path / "deep" / "state.safetensors")
    assert identity == "one"
    assert found.values == saved.values
    assert found.tensors.keys() == saved.tensors.keys()
    for name, value in saved.tensors.items():
        assert found.tensors[name].dtype == value.dtype
        assert torch.equal(found.tensors[name], value)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["state.safetensors"]


def test_prefixes_undo_each_other() -> None:
    saved = state()
    assert prefixed("run", saved.under("run")).keys() == {"run/weights", "run/count"}


def test_no_checkpoint_is_no_error(tmp_path: Path) -> None:
    assert resume(tmp_path / "state.safetensors", "one", print) is None
    with pytest.raises(InputError, match="not found"):
        read(tmp_path / "state.safetensors")


def test_a_checkpoint_of_another_config_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    write(path, state(), "one")
    with pytest.raises(InputError, match=f"{path}: checkpoint of another config.*found digest one, expected two"):
        resume(path, "two", print)
    assert path.exists()


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_checkpoint_is_discarded(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "state.safetensors"
    write(path, state(), "one")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    refused(path, [])


@pytest.mark.parametrize("place", [-1, -3000, 0.3, 0.5, 12, 3])
def test_a_flipped_bit_is_noticed(tmp_path: Path, place: float) -> None:
    path = tmp_path / "state.safetensors"
    write(path, state(), "one")
    content = bytearray(path.read_bytes())
    content[place if isinstance(place, int) else int(place * len(content))] ^= 4
    path.write_bytes(content)
    refused(path, [])


def test_any_flipped_bit_of_the_file_changes_nothing_that_is_read(tmp_path: Path) -> None:
    """Every 7th byte: the file is refused, or (padding of the header) reads as it was written."""
    path = tmp_path / "state.safetensors"
    write(path, state(), "one")
    content = path.read_bytes()
    refusals = 0
    for place in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        try:
            found, _ = read(path)
        except InputError:
            refusals += 1
            continue
        assert found.values == state().values
        assert all(torch.equal(found.tensors[name], value) for name, value in state().tensors.items())
    assert refusals > 0.9 * len(content) / 7


def test_a_file_of_something_else_is_discarded(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"a text, not tensors\n" * 100)
    refused(path, [])
