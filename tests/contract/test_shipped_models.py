"""The language models that come with the code: made by the config's recipes, small, and what their record says."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tokentrial import config
from tokentrial.cramming import folders
from tokentrial.data import corpora
from tokentrial.schema import study_files
from tokentrial.studies import cramming

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path for path in (ROOT / "models").glob("*/*") if path.is_dir())
SENTENCES = {
    "wikitext-2": " The film was released in the United States on 12 March 1999 , to positive reviews .",
    "sotu": "It is my duty to recommend to the consideration of the Congress measures for the good of the people.",
}
LARGEST = 4 * 2**20  # bytes


@pytest.fixture(scope="module")
def recipes() -> dict[str, Any]:
    """Of the seed of the shipped models: they are older than the master seed, which follows from the frozen rules."""
    return cramming.recipes({**study_files.default(ROOT), "seed": 42})


def test_every_model_that_the_config_calls_shipped_is_there_and_no_other() -> None:
    models = study_files.default(ROOT)["cramming"]["models"]
    named = [name for name, entry in models.items() if entry.get("shipped")]
    there = [(path.parent.name, path.name) for path in SHIPPED]
    assert sorted(there) == sorted((corpus, name) for corpus in corpora.TITLES for name in named)


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_shipped_model_is_what_its_recipe_makes(folder: Path, recipes: dict[str, Any]) -> None:
    record = json.loads((folder / "training.json").read_text())
    assert config.canonical(record["spec"]) == config.canonical(recipes[folder.name])
    assert {path.name for path in folder.iterdir()} == set(cramming.FILES)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= LARGEST
    made = folders.read(folder)
    assert sum(value.numel() for value in made.model.parameters()) == record["parameters"]
    assert made.width == record["spec"]["shape"]["width"] and made.vocab_size == record["spec"]["vocab_size"]


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_shipped_model_knows_english_as_well_as_its_record_says(folder: Path) -> None:
    """A sentence in the style of its corpus costs at most 1.2 times the recorded loss, far below ln V."""
    made = folders.read(folder)
    ids = torch.tensor(made.tokenizer(SENTENCES[folder.parent.name])["input_ids"])
    with torch.no_grad():
        scores = made.hidden(made.table[ids[:-1]].unsqueeze(0))[0] @ made.weight.T
    loss = float(torch.nn.functional.cross_entropy(scores, ids[1:]))
    assert loss < 1.2 * json.loads((folder / "training.json").read_text())["cross_entropy"]["test"]
