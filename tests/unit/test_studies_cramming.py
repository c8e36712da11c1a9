"""The cramming study's planner: jobs, where models come from, and what it refuses."""

from pathlib import Path
from typing import Any

import pytest

from tokentrial import config
from tokentrial.cramming.model_folder import folder_for
from tokentrial.data.corpora import TITLES
from tokentrial.errors import InputError
from tokentrial.schema import study_files
from tokentrial.studies import cramming

Tree = dict[str, Any]
CORPORA = tuple(TITLES)


@pytest.fixture
def shipped(root: Path) -> Tree:
    return study_files.default(root)


def test_a_job_is_a_model_of_a_design(shipped: Tree) -> None:
    studies = shipped["cramming"]["experiments"]
    expected = {f"cramming/{name}/{model}" for name, design in studies.items() for model in design["models"]}
    jobs = cramming.jobs(shipped)
    assert set(jobs) == expected
    for name, spec in jobs.items():
        assert spec["condition"] == name
        assert name == f"cramming/{spec['design']}/{spec['model']}"
        assert set(spec["arms"]) == set(studies[spec["design"]]["arms"])


def test_a_specification_has_no_paths_and_survives_a_reordered_config(shipped: Tree) -> None:
    text = config.canonical(cramming.jobs(shipped))
    assert "models/" not in text and "/home" not in text
    reordered = {key: shipped[key] for key in reversed(shipped)}
    reordered["cramming"] = {key: shipped["cramming"][key] for key in reversed(shipped["cramming"])}
    assert config.canonical(cramming.jobs(reordered)) == text


def test_a_design_can_have_its_own_number_of_texts(shipped: Tree) -> None:
    shipped["cramming"]["experiments"]["vectors"]["texts"] = 3
    jobs = cramming.jobs(shipped)
    assert {spec["texts"] for spec in jobs.values() if spec["design"] == "vectors"} == {3}
    assert {spec["texts"] for spec in jobs.values() if spec["design"] == "capacity"} == {shipped["cramming"]["texts"]}


def test_a_model_takes_its_own_values_in_place_of_the_experiments(shipped: Tree) -> None:
    study = shipped["cramming"]
    before = cramming.jobs(shipped)
    own = {"lengths": [5, 9], "texts": 2, "steps": 7, "arms": ["paper"], "precision": "bfloat16", "compile": True}
    own["learning_rate"] = 0.1
    study["models"]["neox-64x4"] |= own | {"threads": 2}
    study["experiments"]["vectors"] |= {"steps": 9, "threads": 1, "precision": "bfloat16", "learning_rate": 0.2}
    after = cramming.jobs(shipped)
    spec = after.pop("cramming/capacity/neox-64x4")
    assert {key: spec[key] for key in ("lengths", "texts", "precision", "compile", "threads")} == {
        "lengths": [5, 9], "texts": 2, "precision": "bfloat16", "compile": True, "threads": 2,
    }  # fmt: skip
    assert spec["arms"] == {"paper": study["settings"]["paper"] | {"steps": 7}}
    spec = after.pop("cramming/vectors/llama-64x4")
    assert (spec["precision"], spec["arms"]["tuned"]["steps"], "threads" in spec) == ("bfloat16", 9, False)
    assert spec["arms"]["tuned"]["learning_rate"] == 0.2
    assert after == {name: spec for name, spec in before.items() if name in after}
    assert study["settings"]["tuned"]["steps"] != 9  # the config itself stays


def test_a_split_experiment_has_a_job_for_each_length(shipped: Tree) -> None:
    experiment = shipped["cramming"]["experiments"]["controls"]
    [whole] = [spec for name, spec in cramming.jobs(shipped).items() if name.startswith("cramming/controls/")]
    experiment["split"] = True
    jobs = cramming.jobs(shipped)
    for length in experiment["lengths"]:
        spec = jobs[f"cramming/controls-n{length}/llama-64x4"]
        named = {"condition": f"cramming/controls-n{length}/llama-64x4", "design": f"controls-n{length}"}
        assert spec == whole | named | {"lengths": [length]}
    assert "cramming/controls/llama-64x4" not in jobs


def test_recipes_are_complete(shipped: Tree) -> None:
    for name, recipe in cramming.recipes(shipped).items():
        assert recipe["name"] == name
        assert set(recipe["shape"]) == {"architecture", "width", "layers", "context"}
        assert len(recipe["training"]["learning_rates"]) == 1


def test_a_shipped_model_is_there_for_named_corpora_until_it_is_retrained(
    shipped: Tree, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    name = next(name for name, model in shipped["cramming"]["models"].items() if model.get("shipped"))
    files = cramming.inputs(shipped, name, CORPORA)
    assert set(files) == {f"models/{corpus}/{name}/{file}" for corpus in CORPORA for file in cramming.FILES}
    for corpus in CORPORA:
        assert folder_for(files, corpus) == f"models/{corpus}/{name}"
    trained = f"results/models/cramming/{name}/config.json"
    assert cramming.inputs(shipped, name, ())[0] == trained  # a text of one's own
    shipped["cramming"]["retrain"] = True
    again = cramming.inputs(shipped, name, CORPORA)
    assert again[0] == trained and folder_for(again, "sotu") == str(Path(trained).parent)


def test_a_folder_gives_its_files_and_a_hub_name_the_downloaded_folder(shipped: Tree, tmp_path: Path) -> None:
    for file in ("config.json", "model.safetensors", "notes.md", "tokenizer.json"):
        (tmp_path / file).touch()
    shipped["cramming"]["models"]["mine"] = {"folder": str(tmp_path)}
    shipped["cramming"]["models"]["theirs"] = {"hub": "EleutherAI/pythia-160m"}
    expected = [str(tmp_path / file) for file in ("config.json", "model.safetensors", "tokenizer.json")]
    assert cramming.inputs(shipped, "mine", CORPORA) == expected
    assert cramming.inputs(shipped, "theirs", CORPORA) == ["results/models/hub/theirs"]


def test_a_folder_that_is_not_there_or_holds_no_model(shipped: Tree, tmp_path: Path) -> None:
    models = shipped["cramming"]["models"]
    models["mine"] = {"folder": str(tmp_path / "nowhere")}
    with pytest.raises(InputError, match=r"cramming\.models\.mine: .*nowhere: no such folder"):
        cramming.inputs(shipped, "mine", CORPORA)
    models["mine"] = {"folder": str(tmp_path)}
    with pytest.raises(InputError, match=r"cramming\.models\.mine: .*found none of the files"):
        cramming.inputs(shipped, "mine", CORPORA)
