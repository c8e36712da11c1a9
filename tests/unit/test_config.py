"""The config: overlays, and for every mistake one line that names the key; from the config to conditions."""

import math
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.studies import learned_encoding

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)
KEYS = st.sampled_from("abc")
LEAVES = st.one_of(st.integers(0, 3), st.none(), st.lists(st.integers(0, 3), max_size=2))
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8)
CONFIGS = st.dictionaries(KEYS, TREES, max_size=3)


# Overlays


def test_an_overlay_changes_single_keys() -> None:
    base = {"a": 1, "b": {"c": [1, 2], "d": {"e": 5}}, "f": None}
    made = config.merge(base, {"b": {"c": [3], "d": {"g": 6}}, "f": {"h": 7}})
    assert made == {"a": 1, "b": {"c": [3], "d": {"e": 5, "g": 6}}, "f": {"h": 7}}
    assert config.merge({"a": {"b": 1}}, {"a": None}) == {"a": None}


@PROPERTY
@given(CONFIGS, CONFIGS)
def test_merging(base: dict[str, Any], overlay: dict[str, Any]) -> None:
    before = deepcopy((base, overlay))
    made = config.merge(base, overlay)
    assert config.merge(made, overlay) == made  # a second time changes nothing
    assert config.merge(base, {}) == base
    assert config.merge({}, overlay) == overlay
    assert list(made) == [
        *base,
        *[key for key in overlay if key not in base],
    ]  # order is the base's, then the overlay's
    for value in made.values():
        if isinstance(value, dict):
            value["changed"] = True
        elif isinstance(value, list):
            value.append("changed")
    assert (base, overlay) == before  # nothing is shared with what was given


def test_files_are_laid_over_each_other(tmp_path: Path) -> None:
    for name, text in {"one": "a: {b: 1, c: 2}\nd: [1]", "two": "a: {b: 3}", "three": "d: []"}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    made = config.load(tmp_path / "one.yaml", tmp_path / "two.yaml", tmp_path / "three.yaml")
    assert made == {"a": {"b": 3, "c": 2}, "d": []}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, ": cannot be read: No such file or directory"),
        (b"", ": expected keys and values, found NoneType"),
        (b"- 1\n- 2\n", ": expected keys and values, found list"),
        (b"a: [1\nb: 2\n", ": not YAML: while parsing a flow sequence"),
        (b"a: !!python/object/apply:os.getcwd []\n", ": not YAML: could not determine a constructor"),
        (b"a: \xff\xfe\n", ": not YAML: 'utf-8' codec"),
    ],
)
def test_unreadable_files_are_named_in_one_line(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        config.load(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


# The canonical text


@PROPERTY
@given(CONFIGS)
def test_equal_settings_are_equal_text(tree: dict[str, Any]) -> None:
    def other(value: Any) -> Any:
        """The same settings, keys backwards and whole numbers as floats."""
        if isinstance(value, dict):
            return {key: other(value[key]) for key in reversed(list(value))}
        if isinstance(value, list):
            return [other(entry) for entry in value]
        return float(value) if isinstance(value, int) else value

    text = config.canonical(tree)
    assert config.canonical(other(tree)) == text
    assert yaml.safe_load(text) == tree


def test_other_settings_are_another_text() -> None:
    texts = [config.canonical(value) for value in ({"a": 1, "b": 2}, {"a": 2, "b": 1}, {"a": [1, 2]}, {"a": [2, 1]})]
    assert len(set(texts)) == 4
    assert config.canonical({"flag": True, "rate": 0.5, "none": None}) == '{"flag": true, "none": null, "rate": 0.5}'
    assert config.canonical(math.inf) == "Infinity"


# The closed schema


def changed(base: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The config with one value replaced; a value of ... removes the key."""
    made = deepcopy(base)
    *parents, last = path.split("/")
    inner = made
    for key in parents:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return made


V20 = "learned_encoding/studies/compression/done-right/data/v20"
DONE_RIGHT = "learned_encoding/studies/compression/done-right"
MISTAKES = [
    ("sedes", 3, r"config: unknown key 'sedes': did you mean 'seeds'\? expected one of seed, seeds, device, "),
    ("zzz", 3, r"config: unknown key 'zzz': expected one of seed, "),
    ("seeds", 0, r"config: seeds: found 0, expected at least 1$"),
    ("seeds", 1001, r"config: seeds: found 1001, expected at most 1000$"),
    ("seeds", "ten", r"config: seeds: found 'ten', expected a value of type integer$"),
    ("seeds", 2.5, r"config: seeds: found 2\.5, expected a value of type integer$"),
    ("seeds", True, r"config: seeds: found True, expected a value of type integer$"),
    ("seed", ..., r"config: key 'seed' is missing$"),
    ("device", "gpu", r"config: device: found 'gpu', expected one of \['cpu', 'cuda'\]$"),
    ("statistics/confidence", 1, r"config: statistics\.confidence: found 1, expected less than 1$"),
    ("statistics/confidence", 0.5, r"config: statistics\.confidence: found 0\.5, expected more than 0\.5$"),
    ("statistics/confidnce", 0.9, r"config: statistics: unknown key 'confidnce': did you mean 'confidence'\? expected"),
    ("statistics/resamples", ..., r"config: statistics: key 'resamples' is missing$"),
    ("wikitext2/folder", 3, r"config: wikitext2\.folder: found 3, expected a value of type \['string', 'null'\]$"),
    (f"{DONE_RIGHT}/ratios", [], r"config: learned_encoding\..*\.ratios: found \[\], expected at least 1 items$"),
    (f"{DONE_RIGHT}/ratios", [2, 2], r"\.ratios: found \[2, 2\], expected no repeated items$"),
    (f"{DONE_RIGHT}/heads", ["mlp"], r"\.heads\.0: found 'mlp', expected one of \['mean_pool', "),
    (f"{DONE_RIGHT}/data", {}, r"\.data: found \{\}, expected at least 1 entries$"),
    (f"{DONE_RIGHT}/data", {"V_20": {}}, r"\.data: found 'V_20', expected text like \^\[a-z0-9-\]\+\$$"),
    (f"{DONE_RIGHT}/training", {"rate": 1}, r"\.training: unknown key 'rate': expected one of learning_rates, steps, "),
    (f"{V20}/lenght", 8, r"\.data\.v20: unknown key 'lenght': did you mean 'length'\? expected one of source, "),
    (f"{V20}/source", "makrov", r"\.data\.v20\.source: found 'makrov', expected one of \['markov', "),
    ("learned_encoding/arms/learned", {}, r"config: learned_encoding\.arms\.learned: key 'encoder' is missing$"),
    (
        "learned_encoding/arms/learned",
        {"encoder": "A b"},
        r"\.arms\.learned\.encoder: found 'A b', expected text like ",
    ),
    (
        "learned_encoding/studies/extra",
        {},
        r"config: learned_encoding\.studies: unknown key 'extra': expected one of markov",
    ),
    ("learned_encoding/training/done-right/steps", ..., r"\.training\.done-right: key 'steps' is missing$"),
]


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES)
def test_a_mistake_is_one_line(path: str, value: Any, message: str, shipped: dict[str, Any], root: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        config.check(changed(shipped, path, value), root / "workflow/schemas/config.schema.yaml")
    assert str(caught.value).startswith("config: ")
    assert "\n" not in str(caught.value)


def test_the_default_has_no_mistake(shipped: dict[str, Any], root: Path) -> None:
    config.check(shipped, root / "workflow/schemas/config.schema.yaml")


# From the config to conditions


def design(**changes: Any) -> dict[str, Any]:
    """A config with one sub-study, done right."""
    source = {"source": "markov", "vocab_size": 10, "length": 4, "train": 9, "validation": 9, "test": 9}
    own = {
        "full_width": 32,
        "ratios": [4],
        "heads": ["token_mlp"],
        "arms": ["learned"],
        "data": {"v10": source},
        **changes,
    }
    training = {"learning_rates": [0.1], "steps": 5, "batch_size": 3, "evaluations": 1, "decay": True, "select": "best"}
    study = {
        "hidden": 8,
        "scripts": {},
        "initialisation": {"done-right": {"initial_scale": 1, "head_scale": None, "head_bias": True}},
        "training": {"done-right": training},
        "arms": {"learned": {"encoder": "learned"}, "full": {"encoder": "full"}},
        "studies": {"markov": {"done-right": own}},
    }
    return {"seed": 7, "seeds": 2, "device": "cpu", "learned_encoding": study}


@pytest.mark.parametrize(
    ("changes", "cells"),
    [
        ({}, ["v10"]),
        ({"ratios": [4, 8]}, ["ratio-4", "ratio-8"]),
        ({"heads": ["token_mlp", "mean_pool"]}, ["token-mlp", "mean-pool"]),
        ({"data": {"a": {"vocab_size": 3}, "b": {"vocab_size": 4}}}, ["a", "b"]),
        (
            {
                "data": {"a": {"vocab_size": 3}, "b": {"vocab_size": 4}},
                "ratios": [2, 4],
                "heads": ["mean_pool", "window_mlp"],
            },
            [
                f"{data}-ratio-{ratio}-{head}"
                for data in "ab"
                for ratio in (2, 4)
                for head in ("mean-pool", "window-mlp")
            ],
        ),
    ],
)
def test_a_cell_is_named_by_what_varies(changes: dict[str, Any], cells: list[str]) -> None:
    specs = learned_encoding.conditions(design(**changes))
    assert list(specs) == [f"learned_encoding/markov/done-right/{cell}" for cell in cells]
    assert [spec["condition"] for spec in specs.values()] == list(specs)


def test_cells_that_differ_in_ratio_or_head_share_their_data() -> None:
    both = {"a": {"vocab_size": 3}, "b": {"vocab_size": 4}}
    made = design(data=both, ratios=[2, 4], heads=["mean_pool", "window_mlp"])
    specs = learned_encoding.conditions(made)
    by_data: dict[str, set[tuple[Any, ...]]] = {}
    for spec in specs.values():
        by_data.setdefault(spec["dataset"], set()).add((spec["vocab_size"], spec["width"], spec["head"]))
    assert set(by_data) == set(learned_encoding.datasets(made))
    assert [len(cells) for cells in by_data.values()] == [4, 4]
    assert {cell[0] for cell in by_data["learned_encoding/markov/done-right/b"]} == {4}


def test_a_condition_is_complete() -> None:
    [(identity, spec)] = learned_encoding.conditions(design(training={"steps": 99})).items()
    assert spec == {
        "study": "learned_encoding",
        "condition": identity,
        "way": "done-right",
        "dataset": "learned_encoding/markov/done-right/v10",
        "seed": 7,
        "seeds": 2,
        "device": "cpu",
        "vocab_size": 10,
        "full_width": 32,
        "width": 8,
        "head": "token_mlp",
        "hidden": 8,
        "initial_scale": 1,
        "head_scale": None,
        "head_bias": True,
        "training": {
            "learning_rates": [0.1], "steps": 99, "batch_size": 3, "evaluations": 1, "decay": True, "select": "best",
        },
        "arms": {"learned": {"encoder": "learned"}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ratios": [4, 5]}, r"^config: .*\.markov\.done-right\.ratio-5: ratios: 5 does not divide full_width 32$"),
        ({"ratios": [64]}, r"ratios: 64 does not divide full_width 32$"),
        ({"arms": ["learned", "fill"]}, r"^config: .*: arms: 'fill' is unknown; expected one of learned, full$"),
    ],
)
def test_designs_that_cannot_be_built(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        learned_encoding.conditions(design(**changes))
    assert "\n" not in str(caught.value)


def test_an_encoder_without_a_module_is_named_before_anything_runs() -> None:
    made = design()
    made["learned_encoding"]["arms"]["learned"] = {"encoder": "lerned"}
    with pytest.raises(InputError, match=r"^config: learned_encoding\.arms\.learned: encoder 'lerned' has no module"):
        learned_encoding.conditions(made)


def test_scripts_and_studies_by_name() -> None:
    made = design()
    made["learned_encoding"]["scripts"] = {"corrected": {"seeds": 2, "last_cell": None}}
    [(identity, spec)] = learned_encoding.scripts(made).items()
    assert identity == spec["condition"] == "learned_encoding/as-released/corrected"
    assert (spec["script"], spec["seeds"], spec["last_cell"]) == ("corrected", 2, None)
    assert learned_encoding.names(made) == ["learned_encoding", "markov"]
