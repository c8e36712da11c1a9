"""Every shipped config loads, passes the closed schema and describes jobs that can run."""

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from jsonschema import Draft202012Validator
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from tokentrial import config
from tokentrial.data import patterns
from tokentrial.data.spec import COMMON, OF_SOURCE, Source, Targets, complete
from tokentrial.encoders.base import Encoder, load
from tokentrial.models.heads import HEADS
from tokentrial.studies import learned_encoding, released
from tokentrial.studies.released import corrected, focused_scaling
from tokentrial.training.loop import Settings

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path.name for path in (ROOT / "config").glob("*.yaml"))
Tree = dict[str, Any]


def loaded(name: str) -> Tree:
    overlays = [] if name == "config.yaml" else [ROOT / "config" / name]
    return config.load(ROOT / "config/config.yaml", *overlays)


@pytest.fixture(scope="module")
def schema(root: Path) -> Tree:
    made: Tree = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())
    return made


def test_all_three_scales_are_shipped() -> None:
    assert {"config.yaml", "smoke.yaml", "paper.yaml"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_config_passes_the_schema(name: str, root: Path) -> None:
    config.check(loaded(name), root / "workflow/schemas/config.schema.yaml")


@pytest.mark.parametrize("name", SHIPPED)
def test_overlays_are_laid_as_snakemake_does(name: str, root: Path) -> None:
    theirs = load_configfile(str(root / "config/config.yaml"))
    if name != "config.yaml":
        update_config(theirs, load_configfile(str(root / "config" / name)))
    assert config.canonical(loaded(name)) == config.canonical(theirs)


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "config.yaml"])
def test_an_overlay_changes_what_is_there(name: str, shipped: Tree, root: Path) -> None:
    """A key that the default lacks would be a new data set, arm or script that only this scale has; none is meant."""

    def paths(tree: Tree, base: Tree, path: str = "") -> list[str]:
        found = []
        for key, value in tree.items():
            here = f"{path}/{key}"
            if key not in base and "/training" not in path:  # a design's training may name what it changes
                found.append(here)
            elif isinstance(value, dict) and isinstance(base.get(key), dict) and "/arms" not in here:
                found += paths(value, base[key], here)
        return found

    overlay = config.load(root / "config" / name)
    allowed = re.compile(r"/learned_encoding/studies/[^/]+/[^/]+/training$")
    assert [path for path in paths(overlay, shipped) if not allowed.match(path)] == []
    assert config.merge(shipped, overlay) != shipped


@pytest.mark.parametrize("name", SHIPPED)
def test_conditions_have_distinct_readable_names(name: str, workflow: Tree) -> None:
    made = loaded(name)
    conditions, scripts = learned_encoding.conditions(made), learned_encoding.scripts(made)
    datasets = learned_encoding.datasets(made)
    designs = [design for ways in made["learned_encoding"]["studies"].values() for design in ways.values()]
    assert len(conditions) == sum(len(d["data"]) * len(d["ratios"]) * len(d["heads"]) for d in designs)
    assert not set(conditions) & set(scripts)
    for identity in conditions:
        assert re.fullmatch(workflow["constraints"]["condition"], identity)
        assert not re.fullmatch(workflow["constraints"]["script"], identity)
    for identity in scripts:
        assert re.fullmatch(workflow["constraints"]["script"], identity)
        assert not re.fullmatch(workflow["constraints"]["condition"], identity)
    for dataset in datasets:
        assert re.fullmatch(workflow["constraints"]["dataset"], dataset)
    assert {spec["dataset"] for spec in conditions.values()} == set(datasets)  # none is drawn for nothing


@pytest.mark.parametrize("name", SHIPPED)
def test_data_sets_have_complete_specifications(name: str) -> None:
    for identity, dataset in learned_encoding.datasets(loaded(name)).items():
        made = complete(dataset["source"], where=identity)
        assert made.items() >= dataset["source"].items()
        assert set(made) == {*COMMON, *OF_SOURCE[made["source"]]}


@pytest.mark.parametrize("name", SHIPPED)
def test_data_and_task_model_fit(name: str) -> None:
    """A task model that predicts the last token only needs data that ask for it."""
    made = loaded(name)
    datasets = learned_encoding.datasets(made)
    for spec in learned_encoding.conditions(made).values():
        last_only = datasets[spec["dataset"]]["source"].get("targets", "all") == "last"
        assert last_only == (HEADS[spec["head"]].context == "history"), spec["condition"]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_arms_encoder_accepts_its_options(name: str, root: Path) -> None:
    for arm, options in loaded(name)["learned_encoding"]["arms"].items():
        assert (root / f"src/tokentrial/encoders/{options['encoder']}.py").is_file(), arm
        given = {key: value for key, value in options.items() if key not in ("encoder", "update", "steps")}
        encoder = load(options["encoder"])(20, 4, 32, **given)
        assert isinstance(encoder, Encoder)
        defaults = inspect.signature(type(encoder)).parameters
        for key, value in given.items():
            assert type(value) is type(defaults[key].default), (arm, key)


@pytest.mark.parametrize("name", SHIPPED)
def test_scripts_stop_after_cells_that_they_have(name: str) -> None:
    cells = {"focused-scaling": focused_scaling.CELLS, "corrected": corrected.CELLS}
    for script, options in loaded(name)["learned_encoding"]["scripts"].items():
        assert options["last_cell"] is None or options["last_cell"] in cells[script]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_design_has_the_controls(name: str) -> None:
    """A study needs the arm it is about and a model that cannot see the input; done right, also the full table."""
    for study, ways in loaded(name)["learned_encoding"]["studies"].items():
        for way, design in ways.items():
            needed = {"learned", "unigram"} | ({"full", "random_frozen"} if way == "done-right" else set())
            assert needed <= set(design["arms"]), (study, way)


def test_every_arm_is_used(shipped: Tree) -> None:
    study = shipped["learned_encoding"]
    used = {arm for ways in study["studies"].values() for design in ways.values() for arm in design["arms"]}
    assert used == set(study["arms"])


def test_every_encoder_is_used(shipped: Tree, root: Path) -> None:
    modules = {path.stem for path in (root / "src/tokentrial/encoders").glob("[a-z]*.py")}
    used = {options["encoder"] for options in shipped["learned_encoding"]["arms"].values()}
    assert used == modules - {"base", "tables"}


# The schema


def test_the_schema_is_a_schema(schema: Tree) -> None:
    Draft202012Validator.check_schema(schema)


def parts(schema: Tree) -> list[tuple[str, Tree]]:
    """(key, schema) of every key that a config may have."""
    found: list[tuple[str, Tree]] = []
    waiting = [schema, *schema["$defs"].values()]
    while waiting:
        part = waiting.pop()
        inner = list(part.get("properties", {}).items())
        found += inner
        waiting += [value for _, value in inner]
        waiting += [part[name] for name in ("additionalProperties", "items") if isinstance(part.get(name), dict)]
    return found


def resolved(schema: Tree, part: Tree) -> Tree:
    while "$ref" in part:
        part = {
            **schema["$defs"][part["$ref"].removeprefix("#/$defs/")],
            **{k: v for k, v in part.items() if k != "$ref"},
        }
    return part


def test_every_key_is_described(schema: Tree) -> None:
    found = parts(schema)
    assert len(found) > 50
    for key, part in found:
        text = resolved(schema, part).get("description", "")
        assert len(text) > 10, key
        assert text.endswith("."), key


def test_every_mapping_is_closed(schema: Tree) -> None:
    mappings = [("config", schema), *schema["$defs"].items(), *parts(schema)]
    for key, part in mappings:
        whole = resolved(schema, part)
        if whole.get("type") != "object":
            continue
        assert "additionalProperties" in whole, key  # false, or a schema for names that the user chooses
        assert set(whole.get("required", ())) <= set(whole.get("properties", {})), key


def test_every_key_of_the_default_is_in_the_schema_by_name(schema: Tree, shipped: Tree) -> None:
    names = {key for key, _ in parts(schema)}
    chosen = {"arms", "data"}  # the user's own names, and an encoder's own options

    def check(tree: Tree) -> None:
        for key, value in tree.items():
            assert key in names, key
            if isinstance(value, dict) and key not in chosen:
                check(value)

    check(shipped)


def test_the_schema_knows_what_the_library_knows(schema: Tree) -> None:
    source, design = schema["$defs"]["source"]["properties"], schema["$defs"]["design"]["properties"]
    assert set(source) == {*COMMON, *(key for keys in OF_SOURCE.values() for key in keys)}
    assert set(source["source"]["enum"]) == set(get_args(Source)) == set(OF_SOURCE)
    assert set(source["targets"]["enum"]) == set(get_args(Targets))
    assert set(source["kind"]["enum"]) == set(patterns.KINDS)
    assert set(source["variant"]["enum"]) == set(patterns.VARIANTS)
    assert set(design["heads"]["items"]["enum"]) == set(HEADS)
    training = schema["$defs"]["training"]["properties"]
    assert set(training) == {field.name for field in dataclasses.fields(Settings)}
    assert set(schema["$defs"]["whole_training"]["required"]) == set(training)
    study = schema["properties"]["learned_encoding"]["properties"]
    assert set(study["scripts"]["properties"]) == {*released.WHOLE, *released.BY_CELL}
    assert set(schema["$defs"]["ways"]["properties"]) == set(learned_encoding.WAYS) - {"as-released"}
    assert set(study["initialisation"]["properties"]) == set(study["training"]["properties"])
