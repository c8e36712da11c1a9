"""The config: overlays, and for every mistake one line that names the key."""

import math
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.cli import parse_config
from snakemake.settings.types import ConfigSettings

from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.schema import study_files, validation

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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("seeds: 5\na: {b: 1}\nseeds: 6\n", "line 3: found the key 'seeds' a second time, .* in line 1"),
        ("a:\n  - b: 1\n    'b': 2\n", "line 3: found the key 'b' a second time, .* in line 2"),
        ("a: &x {b: 1, b: 2}\nc: *x\n", "line 1: found the key 'b' a second time, .* in line 1"),
        ("? [1]\n: {b: 1, b: 2}\n", "line 2: found the key 'b' a second time"),
    ],
)
def test_a_key_is_given_once(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(content)
    for read in (config.load, config.check_keys):
        with pytest.raises(InputError, match=f"^{re.escape(str(path))}: {message}"):
            read(path)
    with pytest.raises(InputError, match=r"^--config a: line 1: found the key 'b' a second time"):
        config.of_command_line(["a={b: 1, b: 2}"], {"a": {"b": "2"}})


def test_merged_keys_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("a: &a {b: 1, c: 2}\nd: &d {e: 1}\nf: {<<: *a, b: 3}\ng: {<<: [*a, *d], c: 4}\n")
    assert config.load(path)["f"] == {"b": 3, "c": 2}
    assert config.load(path)["g"] == {"b": 1, "c": 4, "e": 1}
    config.check_keys(path)


def test_nested_values_of_the_command_line_have_their_types() -> None:
    """Read here with Snakemake's own reader, as Snakemake does it first."""
    entries = ["aa={b: 0.9, c: {d: null, e: true}, f: '1'}", "bb=[1, x]", "cc=2", "dd=", "ee=text", "aa={b: 0.8}"]
    typed = config.of_command_line(entries, parse_config(entries))
    assert typed == {"aa": {"b": 0.8, "c": {"d": None, "e": True}, "f": "1"}, "bb": [1, "x"]}
    with pytest.raises(InputError, match=r"^--config aa: not YAML: "):
        config.of_command_line(["aa={b: 1"], parse_config(["aa={b: 1"]))


def test_values_that_a_program_passed_keep_their_types() -> None:
    passed = {"a": {"b": None, "c": 0.9, "d": "1"}, "e": [None]}
    settings = ConfigSettings(config=passed)
    assert config.of_command_line(settings.config_args, settings.config) == {}


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


FILES = study_files.load(Path(__file__).parents[2])
V20 = "learned_encoding/experiments/compression/done-right/data/v20"
DONE_RIGHT = "learned_encoding/experiments/compression/done-right"
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
    ("corpus", 3, r"config: corpus: found 3, expected a value of type \['string', 'null'\]$"),
    ("corpus", "", r"config: corpus: found '', expected at least 1 characters$"),
    (f"{DONE_RIGHT}/ratios", [], r"config: learned_encoding\..*\.ratios: found \[\], expected at least 1 items$"),
    (f"{DONE_RIGHT}/ratios", [2, 2], r"\.ratios: found \[2, 2\], expected no repeated items$"),
    (f"{DONE_RIGHT}/heads", ["mlp"], r"\.heads\.0: found 'mlp', expected one of \['mean_pool', "),
    (f"{DONE_RIGHT}/data", {}, r"\.data: found \{\}, expected at least 1 entries$"),
    (f"{DONE_RIGHT}/data", {"V_20": {}}, r"\.data: found the key 'V_20', expected a key like \^\[a-z0-9-\]\+\$$"),
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
        "learned_encoding/experiments/extra",
        {},
        r"config: learned_encoding\.experiments: unknown key 'extra': expected one of markov, compression, ",
    ),
    ("learned_encoding/training/done-right/steps", ..., r"\.training\.done-right: key 'steps' is missing$"),
    # names of experiments and scripts, by study
    (
        "learned_encoding/experiments/compresion",
        {},
        r"config: learned_encoding\.experiments: unknown key 'compresion': did you mean 'compression'\? expected one",
    ),
    (
        "learned_encoding/scripts/pure_python",
        {"seeds": 1, "last_cell": None},
        r"config: learned_encoding\.scripts: unknown key 'pure_python': did you mean 'pure-python'\? expected one of ",
    ),
    (
        "bespoke/scripts/optimised",
        {"seeds": 1, "last_cell": None},
        r"config: bespoke\.scripts: unknown key 'optimised': did you mean 'optimized'\? expected one of ",
    ),
    (
        "bespoke/experiments/markov",
        {},
        r"config: bespoke\.experiments: unknown key 'markov': expected one of initial, ",
    ),
    ("bespoke/arms/a--b", {"encoder": "full"}, r"config: bespoke\.arms: found the key 'a--b', expected a key like "),
    ("bespoke/arms/standard/encoder", 3, r"config: bespoke\.arms\.standard\.encoder: found 3, expected .* string$"),
    ("bespoke", ..., r"config: key 'bespoke' is missing$"),
    (
        "bespoke/hiden",
        3,
        r"config: bespoke: unknown key 'hiden': did you mean 'hidden'\? expected one of hidden, scripts",
    ),
]
# The keys of inner sections are closed too, and named by their whole path.
TRANSFORMER = "language_models/experiments/transformer/done-right"
MISTAKES += [
    (
        "language_models/sedes",
        3,
        r"config: language_models: unknown key 'sedes': did you mean 'seeds'\? expected one of tokens",
    ),
    ("language_models/margins", ..., r"config: language_models: key 'margins' is missing$"),
    ("language_models/margins/accuracy", ..., r"config: language_models\.margins: key 'accuracy' is missing$"),
    (
        "language_models/margins/cross_entropy",
        0,
        r"config: language_models\.margins\.cross_entropy: found 0, expected more than 0$",
    ),
    (
        "language_models/margins/perplexity",
        1,
        r"config: language_models\.margins: unknown key 'perplexity': expected one of cross_",
    ),
    (
        "language_models/arms/learned/epochs",
        0,
        r"config: language_models\.arms\.learned\.epochs: found 0, expected at least 1$",
    ),
    (
        "language_models/precision",
        "half",
        r"config: language_models\.precision: found 'half', expected one of \['float32', ",
    ),
    ("language_models/tokens", {}, r"config: language_models\.tokens: found \{\}, expected at least 1 entries$"),
    (
        "language_models/tokens/BPE",
        {},
        r"config: language_models\.tokens: found the key 'BPE', expected a key like \^\[a-z0-9-\]\+\$$",
    ),
    (
        "language_models/tokens/bpe/tokenizer",
        "words",
        r"\.tokens\.bpe\.tokenizer: found 'words', expected one of \['word', 'bpe', 'file'\]",
    ),
    (
        "language_models/tokens/bpe/vocab_size",
        65537,
        r"config: language_models\.tokens\.bpe\.vocab_size: found 65537, .* 65536$",
    ),
    (
        "language_models/bodies/lstm/dropout",
        1,
        r"config: language_models\.bodies\.lstm\.dropout: found 1, expected less than 1$",
    ),
    ("language_models/bodies/lstm/dropout", ..., r"config: language_models\.bodies\.lstm: key 'dropout' is missing$"),
    ("language_models/bodies/gru", {"kind": "lstm"}, r"config: language_models\.bodies\.gru: key 'layers' is missing$"),
    ("language_models/bodies/gru", {"layers": 1}, r"config: language_models\.bodies\.gru: key 'kind' is missing$"),
    (
        "language_models/bodies/lstm/kind",
        "gru",
        r"\.bodies\.lstm\.kind: found 'gru', expected one of \['transformer', 'lstm'\]$",
    ),
    ("language_models/arms/learned", {}, r"config: language_models\.arms\.learned: key 'encoder' is missing$"),
    (
        "language_models/arms/my-arm",
        {"encoder": "full"},
        r"config: language_models\.arms: found the key 'my-arm', expected a key like ",
    ),
    (
        "language_models/arms/learned_masked/body",
        {"casual": True},
        r"config: language_models\.arms\.learned_masked\.body: unknown key 'casual': did you mean 'causal'\? exp",
    ),
    (
        "language_models/training/done-right/clip",
        ...,
        r"config: language_models\.training\.done-right: key 'clip' is missing$",
    ),
    (
        "language_models/training/done-right/schedule",
        "cosine",
        r"config: language_models\.training\.done-right\.schedule: found 'cosine', expected one of \['constant', ",
    ),
    (
        "language_models/experiments/Own_Study",
        {},
        r"config: language_models\.experiments: found the key 'Own_Study', expected a key like \^\[",
    ),
    (
        "language_models/experiments/transformer/done_right",
        {},
        r"unknown key 'done_right': did you mean 'done-right'\? expected one ",
    ),
    (
        f"{TRANSFORMER}/narow",
        True,
        r"transformer\.done-right: unknown key 'narow': did you mean 'narrow'\? expected one of",
    ),
    (f"{TRANSFORMER}/tied", "yes", r"transformer\.done-right\.tied: found 'yes', expected a value of type boolean$"),
    (
        f"{TRANSFORMER}/tokens",
        ...,
        r"config: language_models\.experiments\.transformer\.done-right: key 'tokens' is missing$",
    ),
    (f"{TRANSFORMER}/ratios", [2, 2], r"transformer\.done-right\.ratios: found \[2, 2\], expected no repeated items$"),
    (
        f"{TRANSFORMER}/training",
        {"steps": 9},
        r"\.training: unknown key 'steps': expected one of optimiser, learning_rates, ",
    ),
]


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES)
def test_a_mistake_is_one_line(path: str, value: Any, message: str, shipped: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=message) as caught:
        validation.check(changed(shipped, path, value), FILES)
    assert str(caught.value).startswith("config: ")
    assert "\n" not in str(caught.value)


def test_the_default_has_no_mistake(shipped: dict[str, Any]) -> None:
    validation.check(shipped)
