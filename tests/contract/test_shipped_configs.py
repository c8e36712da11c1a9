"""Every shipped config loads, passes the closed schema and describes jobs that can run."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
import yaml
from jsonschema import Draft202012Validator
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from tokentrial import config, released
from tokentrial.data import patterns
from tokentrial.data.spec import COMMON, OF_SOURCE, OPTIONAL, Source, Targets, Vary, complete
from tokentrial.data.tokenise import TokenizerKind
from tokentrial.encoders import schemes
from tokentrial.encoders.banded import Banded
from tokentrial.encoders.base import Context, Encoder, load
from tokentrial.models import language
from tokentrial.models.heads import HEADS
from tokentrial.models.linear_cross_entropy import PRECISIONS
from tokentrial.released import bespoke as released_bespoke
from tokentrial.released import corrected, focused_scaling
from tokentrial.report import catalogue
from tokentrial.schema import documents, encoders, study_files, validation
from tokentrial.schema.declared import ExperimentNames
from tokentrial.studies import language_models, real_model, small_models
from tokentrial.training import loop
from tokentrial.training.language_loop import CHOICES, Settings
from tokentrial.training.language_model import build, parameter_counts
from tokentrial.training.text import ORDERS

ROOT = Path(__file__).parents[2]
WORD_TYPES = 33278  # of WikiText-2's training text, with <eos>
SHIPPED = sorted(path.name for path in (ROOT / "config").glob("*.yaml"))
Tree = dict[str, Any]


def loaded(name: str) -> Tree:
    return study_files.default(ROOT, *([] if name == "config.yaml" else [ROOT / "config" / name]))


def ways_of(experiment: Tree) -> Tree:
    """The designs of an experiment by way; an overlay's experiment has names beside them."""
    return {name: design for name, design in experiment.items() if name not in ExperimentNames.model_fields}


def test_all_scales_are_shipped() -> None:
    assert {"config.yaml", "smoke.yaml", "reference.yaml", "paper.yaml"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_config_passes_the_models_and_the_written_schema(name: str) -> None:
    validation.check(loaded(name))
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(loaded(name))] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_overlays_are_laid_as_snakemake_does(name: str, root: Path) -> None:
    theirs = load_configfile(str(root / "config/config.yaml"))
    if name != "config.yaml":
        update_config(theirs, load_configfile(str(root / "config" / name)))
    complete = study_files.completed(theirs, study_files.load(root))
    assert config.canonical(loaded(name)) == config.canonical(complete)


def test_the_config_file_is_about_all_studies_and_each_design_about_one(root: Path) -> None:
    common = set(config.load(root / "config/config.yaml"))
    assert common.isdisjoint(study_files.STUDIES)
    assert common | set(study_files.STUDIES) == set(loaded("config.yaml"))


GROWN = {"/cramming/settings/progressive", "/cramming/methods"}
ONLY_OF = {
    "reference.yaml": {
        "/bespoke/experiments/large",
        "/language_models/methods",
        *(f"/cramming/experiments/{name}/search" for name in ("capacity", "uncertainty")),
        *(
            f"/cramming/experiments/{name}"
            for name in ("horizon", "solutions", "pretrained-bits", "pretrained-horizon")
        ),
        "/cramming/experiments/pretrained-16",
        *(f"/cramming/models/smollm2/{key}" for key in ("precision", "learning_rate")),
        *GROWN,
    },
    "paper.yaml": {
        *(f"/cramming/experiments/{name}" for name in ("solutions", "pretrained-bits", "pretrained-horizon")),
        *(f"/cramming/experiments/{name}" for name in ("pretrained", "pretrained-vectors")),
        "/cramming/models/smollm2/learning_rate",
        *GROWN,
    },
}


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "config.yaml"])
def test_an_overlay_changes_what_is_there(name: str, shipped: Tree, root: Path) -> None:
    """A key that the default lacks would be a new data set, arm or script that only this scale has.

    Only the reference run and the full one have such: a large vocabulary, the search for capacities, and what takes a
    pretrained model or shows the true bits of a vector.
    """

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
    allowed = re.compile(r"/(learned_encoding|bespoke|language_models)/experiments/[^/]+/[^/]+/(training|seeds)$")
    more = {path for path in paths(overlay, shipped) if not allowed.match(path)}
    assert more == ONLY_OF.get(name, set())
    assert config.merge(shipped, overlay) != shipped


@pytest.mark.parametrize("name", SHIPPED)
def test_jobs_have_distinct_readable_names(name: str, workflow: Tree) -> None:
    """Each fits the pattern of its own wildcard and of no other, so Snakemake cannot take one kind for another."""
    made = loaded(name)
    conditions, scripts = small_models.conditions(made), small_models.scripts(made)
    models = language_models.jobs(made)
    for study in small_models.STUDIES:
        designs = [design for ways in made[study]["experiments"].values() for design in ways_of(ways).values()]
        cells = sum(len(d["data"]) * len(d["ratios"]) * len(d["heads"]) for d in designs)
        assert len(small_models.conditions_of(made, study)) == cells
    designs = [design for ways in made["language_models"]["experiments"].values() for design in ways_of(ways).values()]
    assert len(models) == sum(len(d["arms"]) * len(d["ratios"]) + len(d["single"]) for d in designs)
    encoded = real_model.jobs(made)
    tables = {name: spec for name, spec in encoded.items() if real_model.trained_arm(name, spec) is None}
    kinds = {"condition": conditions, "script": scripts, "job": models, "encoded": tables}
    kinds["fitted"] = {name: spec for name, spec in encoded.items() if name not in tables}
    assert sum(map(len, kinds.values())) == len(set().union(*kinds.values()))
    for kind, names in kinds.items():
        for identity in names:
            fits = [other for other in kinds if re.fullmatch(workflow["constraints"][other], identity)]
            assert fits == [kind], identity
    datasets = small_models.datasets(made)
    for dataset in datasets:
        assert re.fullmatch(workflow["constraints"]["dataset"], dataset)
    assert {spec["dataset"] for spec in conditions.values()} == set(datasets)  # none is drawn for nothing
    assert all(re.fullmatch(workflow["constraints"]["tokens"], tokens) for tokens in made["language_models"]["tokens"])


@pytest.mark.parametrize("name", SHIPPED)
def test_data_sets_have_complete_specifications(name: str) -> None:
    for identity, dataset in small_models.datasets(loaded(name)).items():
        made = complete(dataset["source"], where=identity)
        assert made.items() >= dataset["source"].items()
        assert set(made) - {*OPTIONAL} == {*COMMON, *OF_SOURCE[made["source"]]}


@pytest.mark.parametrize("name", SHIPPED)
def test_data_and_task_model_fit(name: str) -> None:
    """A task model that predicts the last token only needs data that ask for it."""
    made = loaded(name)
    datasets = small_models.datasets(made)
    for spec in small_models.conditions(made).values():
        last_only = datasets[spec["dataset"]]["source"].get("targets", "all") == "last"
        assert last_only == (HEADS[spec["head"]].context == "history"), spec["condition"]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_arms_encoder_accepts_its_options(name: str) -> None:
    """At the sizes of each condition that trains it."""
    for identity, spec in small_models.conditions(loaded(name)).items():
        for arm, options in spec["arms"].items():
            given = {key: value for key, value in options.items() if key not in ("encoder", "update", "steps")}
            encoder = load(options["encoder"])(spec["vocab_size"], spec["width"], spec["full_width"], **given)
            assert isinstance(encoder, Encoder)
            defaults = inspect.signature(type(encoder)).parameters
            for key, value in given.items():
                plain = key in defaults and defaults[key].default is not inspect.Parameter.empty
                assert not plain or type(value) is type(defaults[key].default), (identity, arm, key)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_language_model_can_be_built(name: str) -> None:
    """Encoder, body and output layer fit each other in every job; one of each kind, since most differ in size alone."""
    made, built = loaded(name), set()
    for job, spec in language_models.jobs(made).items():
        vocab_size = made["language_models"]["tokens"][spec["tokens"]]["vocab_size"] or WORD_TYPES
        shape = ("tokens", "encoder", "width", "full_width", "body_width", "body", "tied")
        kind = config.canonical([spec[key] for key in shape])
        if kind not in built:
            built.add(kind)
            model = build(spec, vocab_size)
            if isinstance(model.encoder, Banded):  # its bands follow from a text
                zipf = 1e7 / torch.arange(1, vocab_size + 1).unsqueeze(0)
                model.encoder.initialise(Context(1, (0,), zipf, zipf.clone, 0.1, print))
            counts = parameter_counts(model)
            assert counts["parameters_body"], job
            assert counts["bits_deployed"], job
        Settings.of(spec["training"])


@pytest.mark.parametrize("name", SHIPPED)
def test_scripts_stop_after_cells_that_they_have(name: str) -> None:
    cells = {"focused-scaling": focused_scaling.CELLS, "corrected": corrected.CELLS}
    for script, options in loaded(name)["learned_encoding"]["scripts"].items():
        assert options["last_cell"] is None or options["last_cell"] in cells[script]


@pytest.mark.parametrize("name", SHIPPED)
def test_bespoke_scripts_have_the_options_that_they_need(name: str) -> None:
    for script, options in loaded(name)["bespoke"]["scripts"].items():
        assert set(options) == {"seeds", "fresh", *released_bespoke.OPTIONS.get(script, ())}, script


@pytest.mark.parametrize("name", SHIPPED)
def test_every_design_has_the_controls(name: str) -> None:
    """A study needs the arm it is about and a model that cannot see the input; done right, also the full table."""
    made = loaded(name)
    for study, ways in made["learned_encoding"]["experiments"].items():
        for way, design in ways_of(ways).items():
            needed = {"learned", "unigram"} | ({"full", "random_frozen"} if way == "done-right" else set())
            assert needed <= set(design["arms"]), (study, way)
    for study, ways in made["bespoke"]["experiments"].items():
        for way, design in ways_of(ways).items():
            needed = {"standard", "unigram"}
            for size in [arm.removeprefix("bespoke-") for arm in design["arms"] if arm.startswith("bespoke-")]:
                kinds = ("bespoke", "budget", "permuted", "reversed") if way == "done-right" else ("bespoke",)
                needed |= {f"{kind}-{size}" for kind in kinds} | ({"projected"} if way == "done-right" else set())
            assert needed <= set(design["arms"]), (study, way)
            assert any(arm.startswith("bespoke-") for arm in design["arms"])
    for study, ways in made["language_models"]["experiments"].items():
        if "done-right" in ways:
            assert "full" in ways["done-right"]["single"], study
            assert {"learned", "bespoke"} & {*ways["done-right"]["arms"], *ways["done-right"]["single"]}, study


@pytest.mark.parametrize("study", [*small_models.STUDIES, "language_models"])
def test_every_arm_is_used(study: str) -> None:
    """At one scale or another."""
    used: set[str] = set()
    for name in SHIPPED:
        made = loaded(name)[study]
        designs = [design for ways in made["experiments"].values() for design in ways_of(ways).values()]
        used |= {arm for design in designs for arm in (*design["arms"], *design.get("single", ()))}
    assert sorted(set(loaded("config.yaml")[study]["arms"]) - used) == []


ENCODER = re.compile(r"^class \w+\((Encoder|Autoencoder)\):$", re.MULTILINE)


def test_every_encoder_is_used(root: Path) -> None:
    """At one scale or another."""
    modules = {path.stem: path.read_text() for path in (root / "src/tokentrial/encoders").glob("[a-z]*.py")}
    encoders = {name for name, text in modules.items() if ENCODER.search(text)}
    studies = [*small_models.STUDIES, "language_models"]
    configs = [loaded(name) for name in SHIPPED]
    used = {arm["encoder"] for made in configs for study in studies for arm in made[study]["arms"].values()}
    assert used == encoders
    assert set(modules) - encoders == {"base", "tables", "layouts", "options", "schemes"}


# The schemas


SCHEMA: Tree = yaml.safe_load((ROOT / documents.SCHEMA).read_text())


@pytest.mark.parametrize("path", sorted((ROOT / "workflow/schemas").glob("*.schema.yaml")), ids=lambda path: path.name)
def test_a_schema_is_a_schema(path: Path) -> None:
    Draft202012Validator.check_schema(yaml.safe_load(path.read_text()))


def test_what_is_written_of_the_models_is_up_to_date(root: Path) -> None:
    """After a change of them: python -m tokentrial.schema."""
    assert (root / documents.SCHEMA).read_text() == documents.written_schema()
    readme = (root / documents.README).read_text()
    assert readme == documents.written_readme(readme)
    page = (root / documents.STUDY).read_text()
    assert page == documents.written_study(page)
    for path, _ in PARTS:
        last = path.rpartition(".")[2]
        assert last in ("config", "*") or any(f"{mark}{last}" in readme for mark in ("| `", ".", "**")), path


def resolved(part: Tree) -> Tree:
    """A part with what it refers to laid under it."""
    while "$ref" in part:
        found = SCHEMA["$defs"][part["$ref"].removeprefix("#/$defs/")]
        part = config.merge(found, {key: value for key, value in part.items() if key != "$ref"})
    return part


def parts(part: Tree, path: str = "config") -> Iterator[tuple[str, Tree]]:
    """(path, resolved schema) of every key that a config may have; a name of the user's own is a star.

    A union's part has the keys of all its choices; each choice is a part of its own as well.
    """
    whole = resolved(part)
    choices = [resolved(choice) for choice in whole.get("oneOf", ())]
    if choices:
        keys: Tree = {}
        for choice in choices:
            for key, value in choice["properties"].items():
                values = [*keys.get(key, {}).get("enum", ()), *value.get("enum", ())]
                keys[key] = {**value, "enum": list(dict.fromkeys(values))} if values else value
        yield path, {**whole, "properties": keys, "choices": choices}
    else:
        yield path, whole
    for each in choices or [whole]:
        for key, value in each.get("properties", {}).items():
            yield from parts(value, f"{path}.{key}")
        for inner in ("additionalProperties", "items"):
            if isinstance(each.get(inner), dict):
                yield from parts(each[inner], f"{path}.*")


PARTS = list(parts(SCHEMA))
DEFINITIONS = SCHEMA["$defs"]


def test_every_key_is_described() -> None:
    named = [(path, whole) for path, whole in PARTS if not path.endswith("*")]
    assert len({path for path, _ in named}) > 150
    for path, whole in named:
        text = whole.get("description", "")
        assert len(text) > 4, path
        assert text.endswith("."), path


def test_every_definition_is_described_and_used() -> None:
    for key, part in DEFINITIONS.items():
        text = part.get("description", "")
        assert len(text) > 10 and text.endswith("."), f"$defs.{key}: {text!r}"
        assert f"'#/$defs/{key}'" in (ROOT / documents.SCHEMA).read_text(), f"$defs.{key} is used by nothing"


def test_every_mapping_is_closed() -> None:
    mappings = [*PARTS, *[(f"$defs.{key}", part) for key, part in DEFINITIONS.items()]]
    objects = [(path, whole) for path, whole in mappings if whole.get("type") == "object"]
    assert len(objects) > 40
    for path, whole in objects:
        assert "additionalProperties" in whole, path  # false, or a schema for names that the user chooses
        assert set(whole.get("required", ())) <= set(whole.get("properties", {})), path
        if whole["additionalProperties"] is not False and "encoder" not in whole.get("properties", {}):
            assert "propertyNames" in whole, f"{path}: which names may the user choose?"


def test_every_key_of_the_default_is_in_the_schema(shipped: Tree) -> None:
    paths = {path for path, _ in PARTS}

    def check(tree: Tree, at: str) -> None:
        for key, value in tree.items():
            here = next((path for path in (f"{at}.{key}", f"{at}.*") if path in paths), None)
            assert here is not None, f"{at}.{key}"
            if isinstance(value, dict):
                check(value, here)

    check(shipped, "config")


def of(path: str) -> Tree:
    """The schema of a key."""
    return next(whole for found, whole in PARTS if found == f"config.{path}")


def names(path: str) -> set[str]:
    """The names that a mapping may have."""
    return set(of(path)["propertyNames"]["enum"])


def test_the_schema_knows_what_the_small_models_know() -> None:
    design = "learned_encoding.experiments.*.done-right"
    source = of(f"{design}.data.*")["properties"]
    assert set(source) == {*COMMON, *OPTIONAL, *(key for keys in OF_SOURCE.values() for key in keys)}
    assert set(source["source"]["enum"]) == set(get_args(Source)) == set(OF_SOURCE)
    assert set(source["targets"]["enum"]) == set(get_args(Targets))
    assert set(source["kind"]["enum"]) == set(patterns.KINDS)
    assert set(source["vary"]["enum"]) == set(get_args(Vary))
    assert set(source["variant"]["enum"]) == set(patterns.VARIANTS)
    assert set(of(f"{design}.heads")["items"]["enum"]) == set(HEADS)
    training = of(f"{design}.training")["properties"]
    assert set(training) == {field.name for field in dataclasses.fields(loop.Settings)}
    for study in small_models.STUDIES:
        assert set(of(f"{study}.training.done-right")["required"]) == set(training)
        ways = set(of(f"{study}.experiments.*")["properties"]) - ExperimentNames.model_fields.keys()
        assert ways == set(small_models.WAYS) - {"as-released"}
        assert set(of(f"{study}.initialisation")["properties"]) == set(of(f"{study}.training")["properties"])
        assert set(loaded("config.yaml")[study]["experiments"]) <= set(catalogue.studies()[study].experiments)
    assert names("learned_encoding.scripts") == {*released.WHOLE, *released.BY_CELL}
    scripts = of("bespoke.scripts")["properties"]
    assert set(scripts) == set(released_bespoke.SCRIPTS)
    for script in scripts:
        options = {"seeds", "fresh", *released_bespoke.OPTIONS.get(script, ())}
        assert set(of(f"bespoke.scripts.{script}")["required"]) == options
        assert set(of(f"bespoke.scripts.{script}")["properties"]) == options


def test_the_schema_knows_what_the_sources_know() -> None:
    """Of each source its own keys, their ranges and defaults: data sets that say the least are completed alike."""
    for choice in of("learned_encoding.experiments.*.done-right.data.*")["choices"]:
        [source] = choice["properties"]["source"]["enum"]
        assert set(choice["properties"]) == {*COMMON, *OPTIONAL, *OF_SOURCE[source]}
        least = {key: choice["properties"][key] for key in choice["required"]}
        given = {key: part["enum"][0] if "enum" in part else part["maximum"] for key, part in least.items()}
        made = complete(given, where=source)
        for key, part in choice["properties"].items():
            absent = key not in made if key in OPTIONAL else made[key] == part.get("default", 0)
            assert key in choice["required"] or absent, key


OPTIONS = {kind: [tag.partition("/") for tag in kind.tags] for kind in encoders.SHIPPED}


@pytest.mark.parametrize("kind", OPTIONS, ids=lambda kind: kind.__name__)
def test_the_models_know_the_encoders_options(kind: type[encoders.Options]) -> None:
    """Names, defaults and which of them must be given, from the signatures of the encoders and of the layouts."""
    for encoder, _, layout in OPTIONS[kind]:
        signature = {**inspect.signature(load(encoder)).parameters}
        if layout:
            signature |= inspect.signature(schemes.SCHEMES[layout]).parameters
        common = {
            "vocab_size",
            "width",
            "full_width",
            "options",
            "name",
            *(["epochs"] if "released" in encoder else []),
        }
        options = {name: parameter.default for name, parameter in signature.items() if name not in common}
        fields = {name: field for name, field in kind.model_fields.items() if name != "encoder"}
        assert set(fields) == set(options)
        for name, field in fields.items():
            assert field.is_required() == (options[name] is inspect.Parameter.empty), name
            assert field.default in (None, options[name]) or field.is_required(), name


def test_every_encoder_has_a_model() -> None:
    modules = {
        path.stem for path in (ROOT / "src/tokentrial/encoders").glob("*.py") if ENCODER.search(path.read_text())
    }
    assert set(encoders.KNOWN) == modules
    layouts = {layout for tags in OPTIONS.values() for _, _, layout in tags if layout}
    assert layouts == set(schemes.SCHEMES) == set(of("learned_encoding.arms.*")["properties"]["layout"]["enum"])
    assert layouts == set(get_args(encoders.Banded.model_fields["layout"].annotation))


def test_the_schema_knows_what_the_language_models_know(shipped: Tree) -> None:
    ways = of("language_models.experiments.*")["properties"].keys() - ExperimentNames.model_fields.keys()
    assert ways == set(of("language_models.training")["properties"]) == set(small_models.WAYS)
    for way in ways:
        training = of(f"language_models.training.{way}")
        assert set(training["required"]) == set(training["properties"])
        assert set(training["properties"]) == {field.name for field in dataclasses.fields(Settings)}
        for key, known in CHOICES.items():
            assert tuple(training["properties"][key]["enum"]) == known
    assert set(of("language_models.training.done-right.order")["enum"]) == set(ORDERS)
    body = of("language_models.bodies.*")["properties"]
    assert set(body["kind"]["enum"]) == set(language.OPTIONS)
    assert set(body) == {"kind", *(option for options in language.OPTIONS.values() for option in options)}
    assert tuple(of("language_models.precision")["enum"]) == PRECISIONS
    assert set(of("language_models.tokens.*.tokenizer")["enum"]) == set(get_args(TokenizerKind))
    assert list(shipped["language_models"]["experiments"]) and set(shipped["language_models"]["experiments"]) <= set(
        catalogue.studies()["language_models"].experiments
    )
    types = {"integer": int, "number": float, "boolean": bool}
    for options in language.OPTIONS.values():
        assert {key: types[body[key]["type"]] for key in options} == options
