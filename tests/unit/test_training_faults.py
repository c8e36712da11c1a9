"""Checkpoints and trained models beside processes that were killed, or are about to be."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models

from tokentrial.cramming import architectures, folders
from tokentrial.errors import DamagedFile, InputError
from tokentrial.training import checkpoint
from tokentrial.training.checkpoint import Saved


def write(path: Path) -> None:
    checkpoint.write(path, Saved(values={"step": 3}), "whose")


def test_a_checkpoint_that_vanishes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its job ended just now: there is nothing to go on from, and nothing to complain about."""
    path, log = tmp_path / "state.safetensors", list[str]()
    plain = checkpoint.read

    def late(place: str | Path) -> tuple[Saved, str]:
        path.unlink()
        return plain(place)

    write(path)
    monkeypatch.setattr(checkpoint, "read", late)
    assert checkpoint.resume(path, "whose", log.append) is None
    assert log == []


def test_a_damaged_checkpoint_that_another_process_removes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, log = tmp_path / "state.safetensors", list[str]()
    plain = checkpoint.read

    def late(place: str | Path) -> tuple[Saved, str]:
        try:
            return plain(place)
        finally:
            path.unlink()

    path.write_bytes(b"half of a checkpoint")
    monkeypatch.setattr(checkpoint, "read", late)
    assert checkpoint.resume(path, "whose", log.append) is None
    assert len(log) == 1 and "discarded, training starts anew" in log[0]


def test_what_a_killed_process_left_beside_a_checkpoint_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    write(path)
    left = tmp_path / ".state.safetensors.k1ll3d__"
    left.write_bytes(b"half")
    found = checkpoint.resume(path, "whose", print)
    assert found is not None and found.values == {"step": 3}
    assert list(tmp_path.iterdir()) == [path]
    assert checkpoint.resume(tmp_path / "nowhere/state.safetensors", "whose", print) is None


def test_a_damaged_model_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "full.safetensors"
    with pytest.raises(InputError, match="not found") as caught:
        checkpoint.read(path)
    assert not isinstance(caught.value, DamagedFile)
    write(path)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(DamagedFile) as damaged:
        checkpoint.read(path)
    assert damaged.value.path == path


def test_every_file_of_a_trained_model_is_checked(tmp_path: Path) -> None:
    words = Tokenizer(models.WordLevel({f"w{index}": index for index in range(8)}, unk_token="w0"))
    shape = {"architecture": "llama", "width": 8, "layers": 1, "context": 8}
    folders.write(tmp_path, architectures.build(shape, 8, seed=1), words, {"made": "here"})
    folders.check_digests(tmp_path)
    checked = [path for path in tmp_path.iterdir() if path.name != "training.json"]
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in checked}
    for path in checked:
        whole = path.read_bytes()
        path.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
        with pytest.raises(DamagedFile) as caught:
            folders.check_digests(tmp_path)
        assert caught.value.path == path
        path.write_bytes(whole)
    folders.check_digests(tmp_path)
