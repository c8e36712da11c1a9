"""The studies' files: the default config is made of them, and a mistake in one is named in one line."""

import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.schema import study_files, validation
from tokentrial.schema.declared import OWN, Study
from tokentrial.studies import cramming, language_models, real_model, small_models

ROOT = Path(__file__).parents[2]
FILES = study_files.load(ROOT)
COMMON: dict[str, Any] = config.load(ROOT / "config/config.yaml")
Tree = dict[str, Any]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with the config and the studies' files, to be changed."""
    for folder in ("config", "studies"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def changed(folder: Path, study: str, old: str, new: str) -> str:
    """The path of a study's file in which a text that occurs once is replaced."""
    path = folder / f"studies/{study}.yaml"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return str(path)


def laid(overlay: Tree) -> Tree:
    """The complete config of an overlay."""
    return study_files.completed(config.merge(COMMON, overlay), FILES)


def jobs(complete: Tree) -> dict[str, list[str]]:
    """Study -> its jobs."""
    small = {study: list(small_models.conditions_of(complete, study)) for study in small_models.STUDIES}
    others = {"language_models": list(language_models.jobs(complete)), "cramming": list(cramming.jobs(complete))}
    others["real_model"] = list(real_model.jobs(complete))
    return {**small, **others, "scripts": list(small_models.scripts(complete))}


def test_every_experiment_has_titles_and_a_design() -> None:
    complete = study_files.default(ROOT)
    for study, file in FILES.items():
        assert list(file.names.experiments) == list(complete[study]["experiments"]) == list(file.design["experiments"])
    assert "title" not in str(complete) and "methods" not in str(complete)


def test_an_overlay_changes_single_keys_of_a_design() -> None:
    place = {"experiments": {"markov": {"done-right": {"ratios": [2]}}}}
    complete = laid({"learned_encoding": place})
    expected = deepcopy(study_files.default(ROOT))
    expected["learned_encoding"]["experiments"]["markov"]["done-right"]["ratios"] = [2]
    assert complete == expected
    assert study_files.completed(complete, FILES) == complete  # a second time changes nothing


def test_a_whole_section_takes_the_place_of_the_design() -> None:
    """So the complete config of a run, given to another one, is that config: nothing that it left out is back."""
    complete = laid({"cramming": None, "bespoke": {"experiments": {"scaling": None}, "scripts": {"quick": None}}})
    assert study_files.completed(complete, FILES) == complete
    assert jobs(complete) != jobs(study_files.default(ROOT))


@pytest.mark.parametrize("study", study_files.STUDIES)
def test_null_leaves_out_a_study(study: str) -> None:
    complete = laid({study: None})
    validation.check(complete, FILES)
    default, left = jobs(study_files.default(ROOT)), jobs(complete)
    assert left[study] == [] and not [script for script in left["scripts"] if script.startswith(study)]
    assert {name for name in default if left[name] != default[name]} <= {study, "scripts"}


def test_null_leaves_out_an_experiment_or_a_script() -> None:
    complete = laid({"bespoke": {"experiments": {"scaling": None}, "scripts": {"quick": None}}})
    validation.check(complete, FILES)
    default, left = jobs(study_files.default(ROOT)), jobs(complete)
    assert left["bespoke"] == [job for job in default["bespoke"] if not job.startswith("bespoke/scaling/")]
    assert set(default["scripts"]) - set(left["scripts"]) == {"bespoke/as-released/quick"}


def test_what_an_overlay_says_of_methods_is_laid_over_the_file() -> None:
    methods = {"mine": {"role": "own", "name": "my encoder"}, "pca": {"role": "baseline"}}
    complete = laid({"learned_encoding": {"methods": methods}})
    validation.check(complete, FILES)
    names = study_files.names(complete, FILES)
    own = Study.model_validate(names["learned_encoding"])
    assert (own.role("mine"), own.methods["mine"].name, own.role("pca"), own.methods["pca"].name) == (
        *(OWN, "my encoder", "baseline", "PCA"),
    )
    uncaptioned = {study: file.names.model_copy(update={"tables": {}, "figures": {}}) for study, file in FILES.items()}
    assert {study: Study.model_validate(names[study]) == uncaptioned[study] for study in FILES} == {
        study: study != "learned_encoding" for study in FILES
    }


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        (
            {"mine": {"rule": "own"}},
            "methods.mine: unknown key 'rule': did you mean 'role'? expected one of name, role",
        ),
        ({"mine": {"role": "owner"}}, "methods.mine.role: found 'owner', expected one of ['own', "),
        ({"mine": {"look": {"color": "blue"}}}, "methods.mine.look: key 'marker' is missing"),
        (
            {"mine": {"look": {"color": "bleu", "marker": "o"}}},
            "methods.mine.look.color: found 'bleu', expected one of",
        ),
        (["mine"], "methods: found ['mine'], expected a value of type object"),
    ],
)
def test_a_mistake_in_an_overlays_methods_is_one_line(methods: Any, said: str) -> None:
    with pytest.raises(InputError) as error:
        validation.check(laid({"bespoke": {"methods": methods}}), FILES)
    assert str(error.value).startswith(f"config: bespoke.{said}")


TITLED = "    title: Types of data (001)\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (TITLED, "", "experiments.complexity.title: not given, expected it"),
        (TITLED, f"{TITLED}    shrt: Types\n", "experiments.complexity.shrt: unknown key; did you mean 'short'?"),
        (
            TITLED,
            f"{TITLED}  empty:\n    title: x\n",
            "experiments.complexity: found no settings, expected keys among as-de",
        ),
        (
            "experiments:      # short: in figures\n",
            "experiments:\n  empty: []\n",
            "experiments.empty: found [], expected",
        ),
        ("hidden: 32", "hiden: 32", "hiden: unknown key; expected title, "),
        (
            "question: {encodings: [learned]",
            "question: {encodings: [lerned]",
            "question.encodings: found 'lerned', expec",
        ),
    ],
)
def test_a_mistake_in_a_file_is_one_line(copy: Path, old: str, new: str, said: str) -> None:
    path = changed(copy, "learned_encoding", old, new)
    with pytest.raises(InputError) as error:
        study_files.default(copy)
    assert str(error.value).startswith(f"{path}: {said}")
    assert "\n" not in str(error.value)


def test_a_mistake_in_a_design_is_named_by_its_file_and_one_in_an_overlay_by_the_config(copy: Path) -> None:
    said = "arms.mixed: unknown key 'block': did you mean 'blocks'? "
    overlay = {"bespoke": {"arms": {"mixed": {"block": [20, 40, 140]}}}}
    with pytest.raises(InputError) as error:
        validation.check(laid(overlay), FILES)
    assert str(error.value).startswith(f"config: bespoke.{said}")
    path = changed(copy, "bespoke", "blocks: [20, 40, 140]", "block: [20, 40, 140]")
    with pytest.raises(InputError) as error:
        validation.check(study_files.default(copy), study_files.load(copy))
    assert str(error.value).startswith(f"{path}: {said}")


def test_a_list_under_a_plus_is_added_to_the_design_s() -> None:
    default = study_files.default(ROOT)["bespoke"]["experiments"]["initial"]["done-right"]["arms"]
    complete = laid({"bespoke": {"experiments": {"initial": {"done-right": {"arms+": ["hashed"]}}}}})
    assert complete["bespoke"]["experiments"]["initial"]["done-right"]["arms"] == [*default, "hashed"]
    replaced = laid({"bespoke": {"experiments": {"initial": {"done-right": {"arms+": ["hashed"], "arms": ["bands"]}}}}})
    assert replaced["bespoke"]["experiments"]["initial"]["done-right"]["arms"] == ["bands", "hashed"]


@pytest.mark.parametrize("key", ["armss+", "full_width+"])
def test_a_plus_without_a_list_is_refused(key: str) -> None:
    complete = laid({"bespoke": {"experiments": {"initial": {"done-right": {key: ["hashed"]}}}}})
    line = (
        f"config: bespoke.experiments.initial.done-right: found the key '{key}', expected a list under it and one under"
    )
    with pytest.raises(InputError) as error:
        validation.check(complete, FILES)
    assert str(error.value) == f"{line} '{key[:-1]}'"


def test_files_are_those_of_the_studies(copy: Path) -> None:
    (copy / "studies/more.yaml").write_text("title: x\n")
    with pytest.raises(
        InputError, match=r"studies/more\.yaml: found a file of no study, expected one for each of lang"
    ):
        study_files.load(copy)
    (copy / "studies/more.yaml").unlink()
    (copy / "studies/cramming.yaml").unlink()
    with pytest.raises(InputError, match=r"studies/cramming\.yaml: cannot be read"):
        study_files.load(copy)


def test_an_experiment_of_ones_own_is_one_entry(copy: Path) -> None:
    design = "    done-right: {<<: *fresh, arms: [learned, unigram]}\n"
    entry = "  own-one:\n    title: My experiment\n" + design
    path = copy / "studies/learned_encoding.yaml"
    text = path.read_text()
    start = "    done-right:\n      full_width: 128\n"
    assert start in text and "\ntables:" in text
    text = text.replace(start, start.replace(":", ": &fresh", 1), 1)
    path.write_text(text.replace("\ntables:", f"\n{entry}tables:"))  # below the last experiment
    files = study_files.load(copy)
    complete = study_files.default(copy)
    validation.check(complete, files)
    assert "learned_encoding/own-one/done-right/ratio-2-mean-pool" in small_models.conditions(complete)
    assert files["learned_encoding"].names.experiments["own-one"].title == "My experiment"


def test_an_overlay_adds_an_experiment_with_its_names() -> None:
    design = FILES["bespoke"].design["experiments"]["initial"]["done-right"]
    entry = {"title": "Mine", "short": "M", "baselines": ["standard"], "done-right": design}
    complete = laid({"bespoke": {"experiments": {"mine": entry}}})
    validation.check(complete, FILES)
    new = [name for name in small_models.conditions(complete) if name.startswith("bespoke/mine/")]
    old = [name for name in small_models.conditions(complete) if name.startswith("bespoke/initial/done-right/")]
    assert len(new) == len(old) > 0
    study = Study.model_validate(study_files.names(complete, FILES)["bespoke"])
    named = study.experiments["mine"]
    assert (named.title, named.short, study.baselines("mine")) == ("Mine", "M", ["standard"])
    assert study.baselines("initial") == study.question.baselines


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, "experiments: unknown key 'mine': expected one of initial, "),
        (
            {"title": "Mine", "shrt": "M"},
            "experiments.mine: unknown key 'shrt': did you mean 'short'? expected one of ",
        ),
        ({"title": 3}, "experiments.mine.title: found 3, expected a value of type string"),
    ],
)
def test_a_mistake_in_a_new_experiment_is_one_line(entry: Tree, said: str) -> None:
    with pytest.raises(InputError) as error:
        validation.check(laid({"bespoke": {"experiments": {"mine": entry}}}), FILES)
    assert str(error.value).startswith(f"config: bespoke.{said}") and "\n" not in str(error.value)


def test_unknown_baselines_of_an_overlay_are_one_line() -> None:
    complete = laid({"bespoke": {"experiments": {"initial": {"baselines": ["standrad"]}}}})
    with pytest.raises(
        InputError, match=r"^config: bespoke: experiments\.initial\.baselines: found 'standrad', expected"
    ):
        study_files.names(complete, FILES)
