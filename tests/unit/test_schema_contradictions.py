"""Keys that do not fit each other: the models refuse them in one line, before anything runs."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tokentrial import encoders
from tokentrial.errors import InputError
from tokentrial.schema import validation

Tree = dict[str, Any]


def refused(config: Tree) -> str:
    """The line that a config is refused with."""
    with pytest.raises(InputError) as caught:
        validation.check(config)
    line = str(caught.value)
    assert line.isprintable()
    return line


# Language models

DESIGN: Tree = {
    "tokens": "bpe", "body": "transformer", "full_width": 16, "narrow": False, "tied": False, "initial_scale": 0.1,
    "ratios": [2, 4], "arms": ["learned", "svd"], "single": ["full", "int8"],
}  # fmt: skip
WHERE = "config: language_models.experiments.small.done-right: "
ARMS = "learned_twice, learned, autoencoder, "


def designs(shipped: Tree, **experiments: Tree) -> Tree:
    """The default config with these experiments of language models, and two arms more."""
    config = deepcopy(shipped)
    config["language_models"]["experiments"] = deepcopy(experiments)
    arms = config["language_models"]["arms"]
    arms["three_heads"] = {"encoder": "learned", "body": {"heads": 3}}
    arms["autoencoder_random"] = {"encoder": "autoencoder", "table": "random"}
    return config


def small(shipped: Tree, **changes: Any) -> Tree:
    """A config whose one design of language models is DESIGN with these keys replaced."""
    return designs(shipped, small={"done-right": {**DESIGN, **changes}})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"single": ["full", "learned-3"]}, "ratios: 3 does not divide full_width 16"),
        ({"single": ["full", "nothing-2"]}, f"single: 'nothing' is unknown; expected one of {ARMS}"),
        (
            {"single": ["full", "learned-2"]},
            "single: 'learned-2' is there already, from arms and ratios; expected it once",
        ),
        ({"tokens": "char"}, "tokens: 'char' is unknown; expected one of bpe, word"),
        ({"body": "gru"}, "body: 'gru' is unknown; expected one of transformer, released, lstm"),
        ({"body": "lstn"}, "body: 'lstn' is unknown; did you mean 'lstm'? expected one of transformer, released, lstm"),
        ({"arms": ["lerned"]}, f"arms: 'lerned' is unknown; did you mean 'learned'? expected one of {ARMS}"),
        ({"single": ["full", "int9"]}, "single: 'int9' is unknown; did you mean 'int8'? expected one of "),
        # ratios that the width does not allow
        ({"ratios": [2, 3]}, "ratios: 3 does not divide full_width 16"),
        ({"ratios": [32]}, "ratios: 32 does not divide full_width 16"),
        ({"ratios": [2, 4, 8, 16, 32]}, "ratios: 32 does not divide full_width 16"),
        # a narrow body's heads share the compressed width
        (
            {"narrow": True, "arms": ["learned"], "single": ["full"], "ratios": [4, 8]},
            "ratios: 8 leaves a width of 2, expected a multiple of the 4 heads of 'learned-8'",
        ),
        (
            {"narrow": True, "arms": ["learned"], "single": ["full"], "ratios": [16]},
            "ratios: 16 leaves a width of 1, expected a multiple of the 4 heads of 'learned-16'",
        ),
        ({"full_width": 18, "ratios": [2]}, "full_width: found 18, expected a multiple of the 4 heads of 'full'"),
        (
            {"single": ["full", "three_heads"], "arms": []},
            "full_width: found 16, expected a multiple of the 3 heads of 'three_heads'",
        ),
        (
            {"body": "lstm", "arms": ["learned_masked"]},
            "body: found 'lstm', which lacks the key 'causal' of 'learned_masked-2'; expected a body of another kind",
        ),
        # arms that start from the full model
        ({"single": ["int8"], "arms": []}, "single: 'full' is missing; the 'quantised' encoder starts from its table"),
        ({"single": []}, "single: 'full' is missing; the 'svd' encoder starts from its table"),
        ({"single": [], "arms": ["pca"]}, "single: 'full' is missing; the 'pca' encoder starts from its table"),
        (
            {"narrow": True, "ratios": [2]},
            "narrow: found true, but 'quantised' keeps the full model's body; expected false",
        ),
        (
            {"narrow": True, "ratios": [2], "single": ["full"]},
            "narrow: found true, but 'svd' keeps the full model's body; expected false",
        ),
    ],
)
def test_designs_of_language_models_that_cannot_run(shipped: Tree, changes: Tree, line: str) -> None:
    found = refused(small(shipped, **changes))
    assert found.startswith(WHERE + line) if line.endswith((" ", ", ")) else found == WHERE + line


@pytest.mark.parametrize(
    "changes",
    [
        {"ratios": [1, 2, 4, 8, 16]},  # down to one number a token
        {"narrow": True, "arms": ["learned"], "single": ["full"], "ratios": [2, 4]},  # one number a head
        {"narrow": True, "arms": ["learned", "pca", "autoencoder"], "single": ["full"], "ratios": [2]},
        {"arms": ["learned", "autoencoder_random"], "single": []},  # nothing starts from the full model
        {"body": "lstm", "full_width": 15, "ratios": [3, 5, 15]},  # no heads to share a width
        {"body": "lstm", "narrow": True, "arms": ["learned"], "single": [], "full_width": 15, "ratios": [15]},
    ],
)
def test_designs_at_the_edge_of_what_can_run(shipped: Tree, changes: Tree) -> None:
    validation.check(small(shipped, **changes))


def test_a_wrong_design_is_not_hidden_by_a_sound_one(shipped: Tree) -> None:
    """A design that comes later is checked too, and named."""
    wrong = designs(shipped, one={"done-right": DESIGN}, two={"as-described": {**DESIGN, "ratios": [3]}})
    assert refused(wrong) == (
        "config: language_models.experiments.two.as-described: ratios: 3 does not divide full_width 16"
    )


# Small models


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"ratios": [4, 5]}, "ratios: 5 does not divide full_width 32"),
        ({"ratios": [64]}, "ratios: 64 does not divide full_width 32"),
        (
            {"arms": ["learned", "fill"]},
            "arms: 'fill' is unknown; did you mean 'full'? expected one of learned, full, ",
        ),
    ],
)
def test_designs_of_small_models_that_cannot_run(shipped: Tree, changes: Tree, line: str) -> None:
    config = deepcopy(shipped)
    config["learned_encoding"]["experiments"]["vocabulary"]["done-right"].update(changes)
    found = refused(config)
    assert found.startswith(f"config: learned_encoding.experiments.vocabulary.done-right: {line}")
    assert line.endswith(" ") or found.endswith(line)


@pytest.mark.parametrize("study", ["learned_encoding", "bespoke", "language_models"])
def test_an_encoder_without_a_module_is_named(shipped: Tree, study: str) -> None:
    config = deepcopy(shipped)
    config[study]["arms"]["unigram"] = {"encoder": "lerned", "bits": 3}
    assert refused(config).startswith(
        f"config: {study}.arms.unigram: encoder 'lerned' has no module in src/tokentrial/encoders: "
        "did you mean 'learned'? expected one of "
    )


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"rows": 8}, None),
        ({}, "encoder 'rows_of_ours' needs the option 'rows', found none"),
        ({"rosw": 8}, "encoder 'rows_of_ours' has no option 'rosw': did you mean 'rows'? expected one of rows, scale"),
    ],
)
def test_options_of_an_own_encoder_are_checked_before_a_job(
    shipped: Tree, options: Tree, line: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = "def __init__(self, vocab_size, width, full_width, rows, scale=1.0):"
    (tmp_path / "rows_of_ours.py").write_text(f"class Rows(Encoder):\n    {start}\n        pass\n")
    monkeypatch.setattr(encoders, "__path__", [*encoders.__path__, str(tmp_path)])
    config = deepcopy(shipped)
    config["learned_encoding"]["arms"]["unigram"] = {"encoder": "rows_of_ours", **options}
    if line is None:
        validation.check(config)
    else:
        assert refused(config) == f"config: learned_encoding.arms.unigram: {line}"


# An encoder decides which options an arm has


@pytest.mark.parametrize(
    ("arm", "line"),
    [
        ({"encoder": "learned", "wdth": 3}, ": unknown key 'wdth': expected one of encoder, "),
        (
            {"encoder": "pca", "tabel": "task"},
            ": unknown key 'tabel': did you mean 'table'? expected one of encoder, table",
        ),
        ({"encoder": "quantised"}, ": key 'bits' is missing"),
        ({"encoder": "quantised", "bits": 9}, ".bits: found 9, expected at most 8"),
        ({"encoder": "quantised", "bits": "8"}, ".bits: found '8', expected a value of type integer"),
        ({"encoder": "quantised", "bits": True}, ".bits: found True, expected a value of type integer"),
        ({"encoder": "svd", "weighted": 1}, ".weighted: found 1, expected a value of type boolean"),
        ({"encoder": "banded"}, ": key 'layout' is missing"),
        ({"encoder": "banded", "layout": "optimised"}, ".layout: found 'optimised', expected one of ['optimized', "),
        ({"encoder": "banded", "layout": "adaptive"}, ": key 'cutoffs' is missing"),
        ({"encoder": "banded", "layout": "mixed", "blocks": [1], "alpha": -1}, ".alpha: found -1, expected at least 0"),
        ({"encoder": "banded", "layout": "uniform", "factor": 4}, ": unknown key 'factor': expected one of encoder, "),
        ({"encoder": "banded", "layout": "uniform_budget"}, ": found no budget, expected one of of, parameters"),
        (
            {"encoder": "banded", "layout": "uniform_budget", "of": "initial", "parameters": 9},
            ": found of and parameters, expected one of of, parameters",
        ),
        (
            {"encoder": "banded", "layout": "uniform_budget", "of": "adaptive"},
            ".of: found 'adaptive', expected one of ['optimized', ",
        ),
        ({"encoder": 3}, ".encoder: found 3, expected a value of type string"),
        (["learned"], ": found ['learned'], expected a value of type object"),
        (
            {"encoder": "base", "mine": {"a": 1}},
            ".mine: found {'a': 1}, expected a value of type ['string', 'number', ",
        ),
    ],
)
def test_options_that_an_encoder_does_not_take(shipped: Tree, arm: Any, line: str) -> None:
    config = deepcopy(shipped)
    config["language_models"]["arms"]["mine"] = arm
    assert refused(config).startswith(f"config: language_models.arms.mine{line}")


def test_an_encoder_of_ones_own_has_its_own_options(shipped: Tree) -> None:
    """Any module of the package that no model describes; a whole float is a whole number."""
    config = deepcopy(shipped)
    own = {"encoder": "base", "text": "a", "number": 0.5, "flag": True, "list": [1, 2.5, None]}
    config["language_models"]["arms"]["mine"] = {**own, "epochs": 2.0}
    validation.check(config)


# A source decides which keys a data set has


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"noise": 0.1}, ": unknown key 'noise': expected one of source, vocab_size, "),
        ({"source": "zipf_iid"}, ": unknown key 'sharpness': expected one of source, "),
        ({"source": "patterns"}, ": unknown key 'exponent': "),
        ({"exponent": 1001}, ".exponent: found 1001, expected at most 1000"),
        ({"shuffle": 1}, ".shuffle: found 1, expected a value of type boolean"),
        ({"train": 2.5}, ".train: found 2.5, expected a value of type integer"),
    ],
)
def test_keys_that_a_source_does_not_have(shipped: Tree, changes: Tree, line: str) -> None:
    config = deepcopy(shipped)
    config["learned_encoding"]["experiments"]["signal"]["done-right"]["data"]["ordered"].update(changes)
    assert refused(config).startswith(f"config: learned_encoding.experiments.signal.done-right.data.ordered{line}")


# Cramming


@pytest.mark.parametrize(
    ("place", "changes", "line"),
    [
        ("experiments.capacity", {"models": ["gpt-9"]}, ": models: 'gpt-9' is unknown; expected one of llama-64x2, "),
        (
            "experiments.capacity",
            {"arms": ["fast"]},
            ": arms: 'fast' is unknown; expected one of tuned, tuned_long, paper",
        ),
        (
            "experiments.capacity",
            {"lengths": [4, 8], "vectors": [1, 5]},
            ": vectors: found 5, expected at most the 4 tokens of the shortest text",
        ),
        ("models.untrained", {"hub": "a/b"}, ": found train and hub, expected one of train, folder, hub"),
        ("models.none", {"shipped": True}, ": found no source, expected one of train, folder, hub"),
        ("models.none", {}, ": found no source, expected one of train, folder, hub"),
        ("models.untrained", {"arms": ["fast"]}, ": arms: 'fast' is unknown; expected one of tuned, "),
        ("models.llama-64x4", {"lengths": [4, 9]}, ": lengths: found 4, expected at least the 8 vectors of vectors"),
        ("experiments.capacity", {"split": True, "search": True}, ": search: found true, expected false"),
        (
            "experiments.capacity",
            {"split": True, "arms": ["grown"]},
            ": split: found true, expected false: the arm grown",
        ),
    ],
)
def test_cramming_that_cannot_run(shipped: Tree, place: str, changes: Tree, line: str) -> None:
    config = deepcopy(shipped)
    section, name = place.split(".")
    config["cramming"]["settings"]["grown"] = config["cramming"]["settings"]["tuned"] | {"progressive": True}
    if "lengths" in changes:
        config["cramming"]["experiments"]["vectors"]["per_vector"] = False
        config["cramming"]["experiments"]["vectors"]["lengths"] = [8, 12]
    config["cramming"][section].setdefault(name, {}).update(changes)
    assert refused(config).startswith(f"config: cramming.{place}{line}")


# Several at once


def test_a_wrong_key_is_told_before_a_contradiction(shipped: Tree) -> None:
    config = small(shipped, ratios=[3])
    config["cramming"]["models"]["untrained"]["hub"] = "a/b"
    assert refused(config).startswith("config: cramming.models.untrained: found train and hub")
    config["statistics"]["resamples"] = 1
    assert refused(config) == "config: statistics.resamples: found 1, expected at least 100"
