"""The config under fire: whatever is wrong with it is one line, and no name in it leads out of the results folder.

Every example runs the very lines of ``workflow/rules/common.smk`` that turn a config into jobs.
"""

import json
import math
import random
import re
import time
from collections import Counter
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from config_mutations import FIRE, KEYS, ROOT, Place, at, bases, mutate, places, planned, tried
from hypothesis import given, settings
from hypothesis import strategies as st

from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.schema import validation


def test_the_shipped_configs_are_planned() -> None:
    for name, layers in bases().items():
        made = layers[0]
        for layer in layers[1:]:
            made = config.merge(made, layer)
        assert len(planned(deepcopy(made))) > (30 if name == "short" else 90)


@pytest.mark.parametrize("examples", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_mutated_settings_are_planned_or_refused_in_one_line(examples: int) -> None:
    outcomes: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    slowest = 0.0
    kinds_of_base = ["config", "smoke", "paper", *["short"] * 9]

    @settings(FIRE, max_examples=examples)
    @given(st.integers(0, 2**64), st.sampled_from(kinds_of_base), st.sampled_from([1, 1, 1, 2, 4]))
    def fire(seed: int, name: str, changes: int) -> None:
        nonlocal slowest
        rng = random.Random(seed)
        layers = deepcopy(bases()[name])
        kinds.update(mutate(layers[-1], rng) for _ in range(changes))
        start = time.perf_counter()
        made = config.merge({}, layers[0])
        for layer in layers[1:]:
            made = config.merge(made, layer)
        outcomes[tried(lambda: planned(made))] += 1
        slowest = max(slowest, time.perf_counter() - start)

    fire()
    assert sum(outcomes.values()) >= examples
    assert min(outcomes["planned"], outcomes["refused"]) >= examples / 10, outcomes
    assert len(kinds) == 7, kinds
    assert slowest < 20


def test_every_single_value_replaced_by_nonsense() -> None:
    """No place lets through what is no finite number, no printable text or no name."""
    base = json.loads(json.dumps(bases()["config"][0]))  # YAML's aliases would make the shared parts one object
    nonsense = [math.nan, math.inf, 10**30, "a\nb", "\x00", {1: 2}, {"../x": 1}, date(2020, 1, 1), [math.nan], 10**5000]
    found = places(base)
    for number, place in enumerate(found):
        holder = at(base, place[:-1])
        kept = holder[place[-1]]
        holder[place[-1]] = nonsense[number % len(nonsense)]
        with pytest.raises(InputError, match=rf"^config: {re.escape('.'.join(map(str, place)))}") as caught:
            config.check_values(base)
        holder[place[-1]] = kept
        assert str(caught.value).isprintable() and len(str(caught.value)) < 300
    assert len(found) > 1000
    config.check_values(base)


@pytest.mark.parametrize("key", KEYS, ids=ascii)
def test_a_key_that_is_no_name_is_one_line(key: Any) -> None:
    """A schema's patterns skip a key like 1; as an arm, a data set, a model, a tokenisation or at the root."""
    for place in (
        ("learned_encoding", "arms"), ("language_models", "arms"), ("language_models", "tokens"),
        ("language_models", "experiments"), (), ("cramming", "models"), ("cramming", "settings"),
        ("learned_encoding", "experiments", "markov", "done-right", "data"),
        ("learned_encoding", "experiments", "markov"), ("learned_encoding", "arms", "learned"),
    ):  # fmt: skip
        made = deepcopy(bases()["config"][0])
        holder = at(made, place)
        holder[key] = deepcopy(next(iter(holder.values())))
        if key in ("x", "full", "text", "train", "1"):  # a name like any other
            config.check_values(made)
            continue
        with pytest.raises(InputError, match=r"^config: .*found the key ") as caught:
            validation.check(made)
        assert str(caught.value).isprintable()


# Names become paths


@pytest.mark.parametrize(
    "name", ["../../escaped", "..", "/tmp/escaped", "a/../../b", "-rf", ".hidden", "a\nb", "a\\b", "a" * 256]
)
def test_a_name_cannot_leave_the_results_folder(name: str, tmp_path: Path) -> None:
    """Every kind of name that becomes part of a path; nothing is made outside, or at all."""
    design = ("learned_encoding", "experiments", "markov", "done-right")
    kinds: dict[Place, Place] = {
        (*design, "data"): (),
        ("learned_encoding", "experiments"): (),
        ("learned_encoding", "scripts"): (),
        ("learned_encoding", "arms"): (*design, "arms"),
        ("language_models", "tokens"): (),
        ("language_models", "experiments"): (),
        ("language_models", "arms"): ("language_models", "experiments", "bespoke", "done-right", "single"),
        ("language_models", "bodies"): (),
        ("cramming", "models"): ("cramming", "experiments", "capacity", "models"),
        ("cramming", "settings"): ("cramming", "experiments", "capacity", "arms"),
        ("cramming", "experiments"): (),
    }
    before = sorted(tmp_path.parent.iterdir()), sorted(ROOT.parent.iterdir())
    for place, user in kinds.items():
        made = json.loads(json.dumps(bases()["config"][0]))
        holder = at(made, place)
        holder[name] = deepcopy(next(iter(holder.values())))
        if user:
            at(made, user).append(name)
        assert tried(lambda made=made: planned(made)) == "refused", place
        if user:  # named, without being defined
            del holder[name]
            assert tried(lambda made=made: planned(made)) == "refused", user
    for key in ("hub", "revision"):
        made = json.loads(json.dumps(bases()["config"][0]))
        made["cramming"]["models"]["pythia-160m"][key] = name
        assert tried(lambda made=made: planned(made)) == "refused" or name == "a" * 256, key
    assert (sorted(tmp_path.parent.iterdir()), sorted(ROOT.parent.iterdir())) == before


def test_two_jobs_of_one_name_are_refused() -> None:
    made = json.loads(json.dumps(bases()["config"][0]))
    design = made["language_models"]["experiments"]["transformer"]["done-right"]
    design["single"].append("learned-8")
    with pytest.raises(InputError, match=r"done-right: single: 'learned-8' is there already, from arms and ratios"):
        planned(made)
    design["single"][-1] = "learned_twice-32"
    assert planned(made)
    design["arms"][0] = "learned-8"  # an arm of arms has no ratio of its own
    with pytest.raises(InputError, match="arms: 'learned-8' is unknown"):
        planned(made)


@pytest.mark.parametrize("name", ["text", "source"])
def test_a_tokenisation_cannot_take_a_folder_of_the_text(name: str) -> None:
    made = json.loads(json.dumps(bases()["config"][0]))
    made["language_models"]["tokens"][name] = made["language_models"]["tokens"]["bpe"]
    with pytest.raises(
        InputError, match=f"language_models.tokens: found the key '{name}', a folder of the text itself"
    ):
        planned(made)


@pytest.mark.parametrize("size", [None, 255])
def test_a_byte_level_bpe_needs_its_bytes(size: int | None) -> None:
    made = json.loads(json.dumps(bases()["config"][0]))
    made["language_models"]["tokens"]["bpe"]["vocab_size"] = size
    found = "null" if size is None else size
    with pytest.raises(InputError, match=f"tokens.bpe.vocab_size: found {found}, expected at least 256"):
        planned(made)


@pytest.mark.parametrize("folder", ["a" * 300, "../" * 400, "no\ud800pe", "/dev/null", "/proc/1/root", "{a}"])
def test_a_model_folder_that_cannot_be_read_is_one_line(folder: str) -> None:
    made = json.loads(json.dumps(bases()["config"][0]))
    made["cramming"]["models"]["llama-64x2"] = {"folder": folder}
    assert tried(lambda: planned(made)) == "refused"
