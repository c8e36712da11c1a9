"""A study of one's own runs from its one file to its page, in a folder far from the project."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from small_project import ROOT
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

pytestmark = pytest.mark.slow

STUDY = {
    "title": "Letters {of} three",
    "corpus": "letters/*.md",
    "tokenizer": "mine.json",
    "width": 16,
    "body": {"kind": "lstm", "layers": 1, "dropout": 0},
    "seeds": 2,
    "training": {"epochs": 1, "learning_rates": [0.02], "batch_size": 4, "length": 16},
    "arms": {
        "full": None,
        "learned": {"ratios": [2, 4]},
        "bespoke": None,
        "mine": {"encoder": "hashed", "buckets": 16, "name": "my own hash", "role": "own"},
    },
    "cramming": {"lengths": [2, 4], "texts": 2, "train": {"width": 16, "layers": 1, "epochs": 1, "batch_size": 4}},
    "claims": [
        {"id": "HASH", "says": "Hashing costs nothing", "rule": "not_worse", "pairs": [["mine", "full"]],
         "parameters": {"equivalence": {"absolute": 5}}},
        {"says": "One vector holds many tokens", "rule": "as_decided", "parameters": {"claim": "a"}},
    ],
}  # fmt: skip


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tokentrial", "run", "study.yaml", "--out", "made", "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("far")
    (folder / "letters").mkdir()
    for page in sorted((ROOT / "docs").glob("*.md"))[:14]:
        (folder / "letters" / page.name).write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train([str(path) for path in sorted((folder / "letters").iterdir())], trainer)
    tokenizer.save(str(folder / "mine.json"))
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    done = call(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_the_page_has_claims_tables_and_what_was_left_out(finished: Path) -> None:
    page = (finished / "made/results/study.html").read_text(encoding="utf-8")
    text = html.unescape(re.sub(r"<[^>]+>", " ", page))
    assert "http" not in re.sub(r"data:[^\"]*", "", page).replace("http-equiv", "")
    assert "<h1>Letters {of} three</h1>" in page and "letters: a text of one's own" in text
    assert re.search(r"STUDY-HASH\s+Hashing costs nothing\s+\S+ (CONFIRMED|INCONCLUSIVE)\s", text)
    assert re.search(r"STUDY-2\s+One vector holds many tokens\s+\S+ INCONCLUSIVE", text)
    assert "my own hash" in text and "learned 4:1" in text and "the documents' own" not in text
    assert "The arms of the study minus every other arm on letters" in text
    assert "Left out, since this run has nothing to show there: " in text and "What the missing mask does" in text


def test_one_text_feeds_language_models_layouts_and_cramming(finished: Path) -> None:
    results = finished / "made/results"
    arms = pd.read_parquet(results / "arms.parquet")
    assert set(arms["corpus"].dropna()) == {"letters"} and set(arms["study"]) == {"language_models", "cramming"}
    assert {"full", "learned-2", "learned-4", "bespoke", "mine"} <= set(arms["arm"])
    conditions = pd.read_parquet(results / "conditions.parquet")
    assert {"file"} == set(conditions["tokenizer"].dropna())
    pairs = pd.read_parquet(results / "statistics.parquet")
    assert {"mine", "bespoke", "learned-4"} <= set(pairs["arm_a"])
    assert (results / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_a_second_call_has_nothing_to_do_and_an_edited_claim_trains_nothing(finished: Path) -> None:
    assert "Nothing to be done" in call(finished).stderr
    study = finished / "study.yaml"
    study.write_text(study.read_text().replace("absolute: 5", "absolute: 4"))
    planned = call(finished, "-n").stdout
    assert (
        "verdicts" in planned and "own_page" in planned and "language_model" not in planned and "cram " not in planned
    )
