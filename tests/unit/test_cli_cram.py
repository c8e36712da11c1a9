"""``tokentrial cram``: an own model beside the published ones, vectors that decode, and one line for bad input."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from command import Command, command, refused  # noqa: F401
from model_commands import CONTEXT, document, interrupted, passages, place, write_text  # noqa: F401
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tokentrial import documents, published
from tokentrial.cli import cram
from tokentrial.cramming import saved
from tokentrial.errors import InputError

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models/sotu/llama-64x2"
LENGTHS, TEXTS, STEPS = (2, 4), 4, 60
OPTIONS = ("--lengths", "2,4", "--texts", str(TEXTS), "--steps", str(STEPS))


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of speeches, of which the shipped model knows something."""
    path = tmp_path_factory.mktemp("text") / "mine.txt"
    path.write_text("\n\n".join(passages()) + "\n")
    return path


@pytest.fixture(scope="module")
def made(mine: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of a run of the command, and the file of its vectors."""
    folder = tmp_path_factory.mktemp("crammed")
    out, vectors = folder / "out", folder / "vectors.safetensors"
    cram.cram(str(MODEL), mine, "2,4", TEXTS, STEPS, out, vectors)
    return out, vectors


def test_the_vectors_decode_to_the_texts_by_transformers_alone(made: tuple[Path, Path]) -> None:
    model = AutoModelForCausalLM.from_pretrained(MODEL).float()
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    tensors, whole = load_file(made[1]), dict[int, float]()
    assert {name.partition(".")[0] for name in tensors} == set(map(str, LENGTHS))
    for length in LENGTHS:
        vectors, ids, exact = (tensors[f"{length}.{name}"] for name in ("vectors", "ids", "exact"))
        assert vectors.shape == (TEXTS, 1, 64) and ids.shape == (TEXTS, length)
        begins = [tokenizer(each, add_special_tokens=False)["input_ids"][:length] for each in passages()]
        assert all(row.tolist() in begins for row in ids) and len({tuple(row.tolist()) for row in ids}) > 1
        for vector, text, right in zip(vectors, ids, exact, strict=True):
            said = text[:1]
            while len(said) < length:
                inputs = torch.cat([vector, model.get_input_embeddings()(said)]).unsqueeze(0)
                with torch.no_grad():
                    said = torch.cat([said, model(inputs_embeds=inputs).logits[0, -1:].argmax(1)])
            assert bool((said == text).all()) is bool(right)
        whole[length] = float(exact.float().mean())
    assert 0 < sum(whole.values()) < len(LENGTHS)  # some decode, some do not
    rows = pd.read_csv(made[0] / "measures.csv")
    exactly = rows[(rows["measure"] == "greedy_exact") & rows["length"].isin(LENGTHS)].set_index("length")["estimate"]
    assert {length: exactly[length] for length in LENGTHS} == pytest.approx(whole)


def test_the_pages_example_decodes_the_file(
    made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/command.md").read_text(encoding="utf-8").partition("## cram:")[2]
    code = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    (tmp_path / "models").symlink_to(ROOT / "models")
    (tmp_path / "vectors.safetensors").symlink_to(made[1])
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/command.md", "exec"), names)
    exact = {length: load_file(made[1])[f"{length}.exact"] for length in LENGTHS}
    assert capsys.readouterr().out.strip() == str({length: int(each.sum()) for length, each in exact.items()})
    assert names["text"].shape == (TEXTS, 4)


def test_the_table_has_the_model_and_the_published_ones(made: tuple[Path, Path]) -> None:
    rows = pd.read_csv(made[0] / "cram.csv")
    own, theirs = rows[rows["model"] == MODEL.name].iloc[0], rows[rows["source"] == "published"]
    printed = published.load(documents.printed_files(ROOT / "documents"))["cramming-models"].rows
    assert {*printed} == {*theirs["model"]} and own["source"] != "published"
    measures = pd.read_csv(made[0] / "measures.csv")
    measures = measures[measures["length"].isna()].set_index("measure")["estimate"]
    assert own["theoretical_capacity"] == pytest.approx(measures["bound"])
    assert own["capacity_mean"] == pytest.approx(measures["capacity_mean"])
    page = (made[0] / "cram.html").read_text()
    assert "Llama-3.1-8B" in page and "Measured: mine.txt" in page and "unseen" not in page.partition("<table>")[2][:99]
    tables, drawn = {"cram.csv", "measures.csv", "cram.html"}, {"bound.svg", "bound.pdf", "curve.svg", "curve.pdf"}
    assert {file.name for file in made[0].iterdir()} == tables | drawn
    beside = (made[0] / "bound.svg").read_text()
    assert MODEL.name in beside and "Pythia-160M" in beside


def test_what_it_says(command: Command, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.chdir(tmp_path)
    arguments = (
        str(place / "model"),
        "--text",
        str(place / "mine.txt"),
        "--lengths",
        "2",
        "--texts",
        "2",
        "--steps",
        "3",
    )
    said = command("cram", *arguments)
    assert said.code == 0 and "wrote cram-model\n" in said.err and max(map(len, said.out.splitlines()[:20])) <= 110
    counted = re.search(r"vectors: .* decodes whole from the file: (\d), measured: (\d)\n", said.out)
    assert counted is not None and counted[1] == counted[2]
    assert refused(command("cram", *arguments)) == "cram-model: found files in it, expected a new folder"
    content = json.loads(command("cram", *arguments, "--out", "other", "--json").out)
    assert content["texts"] == 2 and content["verdict"] in said.out and "Llama-3.1-8B" in json.dumps(content)
    assert [row["length"] for row in content["lengths"]] == [2]


def test_vectors_that_decode_to_other_texts_are_a_failure(
    command: Command,  # noqa: F811
    mine: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    to_bytes = saved.Vectors.to_bytes

    def zeroed(vectors: saved.Vectors) -> bytes:
        for of_length in vectors.texts.values():
            of_length.vectors.zero_()
        return to_bytes(vectors)

    monkeypatch.setattr(saved.Vectors, "to_bytes", zeroed)
    said = command("cram", str(MODEL), "--text", str(mine), *OPTIONS, "--out", str(tmp_path / "out"))
    measured, read = re.findall(r"\d+", said.out.splitlines()[-1])[::-1]
    assert said.code == 1 and int(read) < int(measured)


def test_a_file_of_something_else_is_no_vectors(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    save_file({"table": torch.zeros(2)}, tmp_path / "table")
    for name, words in (("text", "cannot be read"), ("none", "cannot be read"), ("table", "found no crammed vectors")):
        with pytest.raises(InputError, match=f"{name}: {words}"):
            saved.read(tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "nothing"}, "nothing: found no model of this name, expected a folder in Hugging Face's format"),
        ({"--text": "nothing.txt"}, "--text: nothing.txt: not found"),
        ({"--text": "short.txt"}, "found 1 passage of more than 16 tokens, expected at least 2: a longer text"),
        ({"--lengths": "1,4"}, "--lengths: found '1,4', expected whole numbers of at least 2 such as 2,8"),
        ({"--lengths": "4,64"}, f"--lengths: found 64, expected at most 63: the model's context is {CONTEXT}"),
        ({"--texts": "1"}, "--texts: found 1, expected 2 to 10,000"),
        ({"--steps": "0"}, "--steps: found 0, expected 1 to 100,000"),
        ({"--save": "no/v.safetensors"}, "no/v.safetensors: cannot be written: no is no folder"),
        ({"--out": "mine.txt"}, "mine.txt: found a file, expected a new folder"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_bad_input_is_one_line_and_leaves_nothing(
    changes: dict[str, str],
    words: str,
    command: Command,  # noqa: F811
    place: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path / "mine.txt")
    (tmp_path / "short.txt").write_text(f"{document(0)}\n\n{document(0)}\n\nka tomi\n")  # the same passage twice
    before = {path.relative_to(tmp_path) for path in tmp_path.rglob("*")}
    given = {"model": str(place / "model"), "--text": "mine.txt", "--lengths": "2", "--out": "out"} | changes
    said = command("cram", given.pop("model"), *(word for pair in given.items() for word in pair))
    assert words in refused(said)
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*")} == before


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(place: Path, tmp_path: Path) -> None:  # noqa: F811
    done = interrupted(
        "cram: ", "cram", str(place / "model"), "--text", str(place / "mine.txt"), "--lengths", "4,8,16",
        "--steps", "5000", "--out", str(tmp_path / "out"), "--save", str(tmp_path / "vectors.safetensors"),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert done.stderr.splitlines()[-1] == "stopped: nothing was written" and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
