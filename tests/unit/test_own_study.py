"""A study of one's own in one file: what it becomes, and one line for whatever cannot be used."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import Command, command, refused  # noqa: F401
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from tokentrial.config import merge
from tokentrial.data import tokenise
from tokentrial.schema import own_study

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/study.yaml"
STUDY: dict[str, Any] = {
    "corpus": "letters",
    "tokenizer": {"bpe": 300},
    "width": 16,
    "body": {"kind": "transformer", "layers": 1, "heads": 2},
    "seeds": 2,
    "training": {"learning_rates": [0.01], "batch_size": 4, "length": 16},
    "arms": {
        "full": None,
        "learned": {"ratios": [2, 4]},
        "mine": {"encoder": "hashed", "buckets": 16, "name": "my hash"},
    },
    "claims": [{"says": "It is worse", "rule": "superior", "pairs": [["learned-4", "full"]]}],
}
SENTENCE = "The {} letter was read by {} people on the {} day, and no one of them said what they thought of it.\n"

Refuse = Callable[..., str]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a study beside its letters; keywords replace keys, None leaves them out."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letters").mkdir()
    for number in range(6):
        lines = [SENTENCE.format(number * k % 97, k, (k * k) % 31) for k in range(60)]
        (tmp_path / f"letters/{number}.txt").write_text("".join(lines))

    def write(**changes: Any) -> Path:
        content = merge(STUDY, changes)
        kept = {key: value for key, value in content.items() if value is not None or key not in changes}
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(kept))
        return tmp_path / "study.yaml"

    return write


@pytest.fixture
def refuse(study: Callable[..., Path], command: Command, tmp_path: Path) -> Refuse:  # noqa: F811
    """The line for a study with these keys; nothing is left behind."""

    def said(*options: str, **changes: Any) -> str:
        study(**changes)
        line = refused(command("run", "study.yaml", "--print", *(options or ("--out", "made"))))
        assert not (tmp_path / "made").exists()
        return line

    return said


def test_a_study_becomes_a_config_and_a_document(study: Callable[..., Path], command: Command, tmp_path: Path) -> None:  # noqa: F811
    study()
    said = command("run", "study.yaml", "--out", "made", "--print", "--cores", "2", "-n", "all")
    assert said.code == 0, said.err
    assert f"TOKENTRIAL_DOCUMENTS={tmp_path}/made/documents " in said.out
    assert said.out.rstrip().endswith(
        f"--configfile {tmp_path}/made/study.config.yaml --directory {tmp_path}/made --cores 2 -n all"
    )
    config = yaml.safe_load((tmp_path / "made/study.config.yaml").read_text())
    design = config["language_models"]["experiments"]["study"]["done-right"]
    assert design["single"] == ["full", "learned-2", "learned-4", "mine"]
    assert config["corpus"] == f"{tmp_path}/letters" and config["bespoke"] is config["cramming"] is None
    assert config["language_models"]["methods"] == {"mine": {"name": "my hash", "role": "own"}}
    claims = yaml.safe_load((tmp_path / "made/documents/study/claims.yaml").read_text())["claims"]
    assert claims[0]["id"] == "STUDY-1" and claims[0]["parameters"]["seeds"] == 2
    before = (tmp_path / "made/study.config.yaml").stat().st_mtime_ns
    study(claims=None)
    assert command("run", "study.yaml", "--out", "made", "--print").code == 0
    assert not (tmp_path / "made/documents").exists()  # claims of an earlier state are no more
    assert (tmp_path / "made/study.config.yaml").stat().st_mtime_ns == before  # written only where it differs


def test_the_example_can_be_run(command: Command, tmp_path: Path) -> None:  # noqa: F811
    said = command("run", str(EXAMPLE), "--out", str(tmp_path / "made"), "--print")
    assert said.code == 0, said.err
    lines = [line for line in EXAMPLE.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) <= 20
    config = yaml.safe_load((tmp_path / "made/study.config.yaml").read_text())
    assert config["cramming"]["experiments"]["capacity"]["lengths"] == [2, 4, 8]


MISSING = [key for key, field in own_study.OwnStudy.model_fields.items() if field.is_required()]


@pytest.mark.parametrize("key", MISSING)
def test_a_missing_key(key: str, refuse: Refuse) -> None:
    assert refuse(**{key: None}) == f"study.yaml: key '{key}' is missing"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"coprus": "letters"}, "study.yaml: unknown key 'coprus': did you mean 'corpus'? expected one of title, corpus"),
    ({"seeds": 0}, "study.yaml: seeds: found 0, expected greater than or equal to 1"),
    ({"seeds": "two"}, "study.yaml: seeds: found 'two', expected a valid integer"),
    ({"arms": []}, "study.yaml: arms: found [], expected a valid dictionary"),
    ({"corpus": "nowhere"}, "study.yaml: corpus: '{here}/nowhere' is no folder or file, expected one of wikitext-2"),
    ({"corpus": "nothing/*.txt"}, "study.yaml: corpus: '{here}/nothing/*.txt': found no file, expected text files"),
    ({"corpus": "study.yaml"}, "study.yaml: corpus: study: the validation text has"),
    ({"tokenizer": {"bpe": 5000}}, "study.yaml: tokenizer: vocab_size: found 5000, expected at most "),
    (
        {"tokenizer": {"bpe": 3}},
        "study.yaml: tokenizer.vocab_size: found 3, expected at least 256 for a byte-level BPE",
    ),
    ({"tokenizer": {"unigram": 300}}, "study.yaml: tokenizer: found the keys bpe, unigram, expected"),
    ({"tokenizer": "none.json"}, "study.yaml: tokenizer: 'none.json': found no such file, expected one of word, bpe"),
    ({"tokenizer": "letters/0.txt"}, "study.yaml: letters/0.txt: found no tokenizer ("),
    ({"body": "convolution"}, "study.yaml: body: 'convolution': expected one of transformer, lstm"),
    ({"body": {"depth": 2}}, "study.yaml: body: unknown key 'depth': expected one of kind, layers, heads"),
    ({"body": {"heads": 3}}, "study.yaml: width: found 16, expected a multiple of the 3 heads of 'full'"),
    ({"training": {"epoch": 2}}, "study.yaml: training: unknown key 'epoch': did you mean 'epochs'? expected"),
    ({"arms": {"lerned": None}}, "study.yaml: arms.lerned: key 'encoder' is missing, and studies/language_models.yaml"),
    (
        {"arms": {"mine": {"encoder": "hashd"}}},
        "study.yaml: arms.mine: encoder 'hashd' has no module in src/tokentrial/encoders: did you mean 'hashed'?",
    ),
    ({"arms": {"mine": {"bukets": 4}}}, "study.yaml: arms.mine: unknown key 'bukets': did you mean 'buckets'?"),
    ({"arms": {"mine": {"role": "ours"}}}, "study.yaml: arms.mine: role: found 'ours', expected 'own', 'baseline'"),
    ({"arms": {"learned": {"ratios": [3]}}}, "study.yaml: ratios: 3 does not divide width 16"),
    ({"arms": {"pca": {"ratios": [2]}, "full": {"ratios": [2]}}}, "study.yaml: arms: 'full' is missing; the 'pca'"),
    ({"cramming": {"lengths": [4], "texts": 500}}, "study.yaml: corpus: found "),
    ({"cramming": {"lenghts": [4]}}, "study.yaml: cramming: unknown key 'lenghts': did you mean 'lengths'?"),
    ({"cramming": {"lengths": [4], "train": {"width": 3}}}, "study.yaml: cramming.train.width: found 3, expected"),
]


@pytest.mark.parametrize(
    ("changes", "line"), WRONG, ids=[next(iter(changes)) + str(n) for n, (changes, _) in enumerate(WRONG)]
)
def test_what_cannot_be_used_is_one_line(changes: dict[str, Any], line: str, refuse: Refuse, tmp_path: Path) -> None:
    assert refuse(**changes).startswith(line.replace("{here}", str(tmp_path)))


CLAIMS = [
    ({"rule": "superiour"}, "claims.1.rule: 'superiour': did you mean 'superior'? expected one of "),
    ({"pairs": [["learned", "full"]]}, "claims.1: arm: found 'learned', which the study does not measure; did you"),
    ({"pairs": [["learned-4", "full", "mine"]]}, "claims.1.pairs.1: found ['learned-4', 'full', 'mine'], expected "),
    ({"parameters": {"metrics": "accuracy"}}, "claims.1: parameters: unknown key 'metrics': did you mean 'metric'?"),
    ({"rule": "not_worse"}, "claims.1: parameters: 'equivalence' is missing"),
    ({"rule": "as_decided"}, "claims.1.pairs: found the rule as_decided, which has no cells, expected one of the two"),
    ({"rule": "as_decided", "pairs": None, "parameters": {"claim": "a"}}, "claims.1: claim: found 'a', a decision of "),
    (
        {"pairs": None, "parameters": {"cells": [{"study": "bespoke/converged", "pairs": [["full", "mine"]]}]}},
        "claims.1: study: found 'bespoke/converged', which the study does not measure; expected one of language_models",
    ),
    ({"said": "twice"}, "claims.1: unknown key 'said': did you mean 'id'? expected one of id, says, rule"),
    ({"says": ""}, "claims.1.says: found '', expected "),
    ({"id": "one_two"}, "claims.1.id: found 'one_two', expected match pattern"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "line"), CLAIMS, ids=[str(n) for n in range(len(CLAIMS))])
def test_a_claim_names_a_rule_and_what_is_measured(changes: dict[str, Any], line: str, refuse: Refuse) -> None:
    claim = {key: value for key, value in {**STUDY["claims"][0], **changes}.items() if value is not None}
    assert refuse(claims=[claim]).startswith(f"study.yaml: {line}")


def test_a_claim_stands_once(refuse: Refuse) -> None:
    twice = [{**STUDY["claims"][0], "id": "SAME"}] * 2
    assert refuse(claims=twice) == "study.yaml: claims: id: found 'SAME' twice, expected it once"


def test_a_folder_that_cannot_be_written(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("something")
    assert refuse("--out", "file").startswith(f"--out: {tmp_path}/file: cannot be made: ")
    assert refuse("--out", "letters").startswith(f"--out: {tmp_path}/letters: found a folder of something else")
    assert refuse("--out", "/proc/nothing").startswith("--out: /proc/nothing: cannot be made: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert refuse("--out", "closed") == f"--out: {tmp_path}/closed: cannot be written: Permission denied"


def test_what_is_no_study(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.chdir(tmp_path)
    assert refused(command("run", "none.yaml")) == "none.yaml: cannot be read: No such file or directory"
    assert refused(command("run", "--out", "made")).startswith("--out: found no study before it, expected one: ")
    (tmp_path / "study.yaml").write_text("corpus: [")
    assert refused(command("run", "study.yaml")).startswith("study.yaml: not YAML: ")
    (tmp_path / "study.yaml").write_text("- corpus")
    assert refused(command("run", "study.yaml")) == "study.yaml: expected keys and values, found list"
    said = refused(command("run", "study.yaml", "--documents", str(tmp_path)))
    assert said.startswith("--documents: found it beside a study")


# Tokenizers of one's own


def trained(kind: str, text: list[str]) -> Tokenizer:
    """A tokenizer that keeps every byte, or one that drops spaces and capitals."""
    if kind == "bytes":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer: Any = trainers.BpeTrainer(vocab_size=280, initial_alphabet=alphabet, show_progress=False)
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        trainer = trainers.WordPieceTrainer(vocab_size=90, special_tokens=["[UNK]", "[CLS]"], show_progress=False)
    tokenizer.train_from_iterator(text, trainer)
    return tokenizer


@pytest.mark.parametrize("kind", ["bytes", "words"])
def test_every_byte_of_the_text_belongs_to_a_token(kind: str, tmp_path: Path) -> None:
    text = ["  Ein Löffel, zwei Löffel…\n", "\n", "日本 and 本\n", "last   "]
    (tmp_path / "text.txt").write_text("".join(text))
    tokenizer = trained(kind, text)
    tokenizer.enable_truncation(2)  # as files of Hugging Face have it; a text is never cut
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    read = tokenise.read_tokenizer(tmp_path / "tokenizer.json")
    ids, sizes = tokenise.encode_with(tmp_path / "text.txt", read)
    assert len(ids) == len(sizes) > 8 and sizes.min() >= 0
    assert sizes.sum() == (tmp_path / "text.txt").stat().st_size
    if kind == "bytes":
        own = tokenise.encode_bpe(tmp_path / "text.txt", read)
        assert ids.tolist() == own.tolist()


def test_a_study_takes_a_tokenizer(study: Callable[..., Path], command: Command, tmp_path: Path) -> None:  # noqa: F811
    trained("bytes", (tmp_path / "letters/1.txt").read_text().splitlines()).save(str(tmp_path / "mine.json"))
    study(tokenizer="mine.json")
    said = command("run", "study.yaml", "--out", "made", "--print")
    assert said.code == 0, said.err
    tokens = yaml.safe_load((tmp_path / "made/study.config.yaml").read_text())["language_models"]["tokens"]["study"]
    assert tokens == {"tokenizer": "file", "vocab_size": None, "file": "tokenizer.json"}
    assert json.loads((tmp_path / "made/tokenizer.json").read_text())["model"]["type"] == "BPE"
