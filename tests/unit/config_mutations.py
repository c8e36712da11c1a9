"""What the tests of the config under fire share: mutations, and the lines of common.smk that make jobs of a config."""

import json
import math
import random
from collections.abc import Callable
from contextlib import chdir, suppress
from copy import deepcopy
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, settings

from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.schema import study_files
from tokentrial.studies import cramming

ROOT = Path(__file__).parents[2]
COMMON = "workflow/rules/common.smk"
Tree = dict[str, Any]
Place = tuple[Any, ...]
FIRE = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))

# Of a wrong type, out of any range, or of the right type and wrong.
VALUES: list[Any] = [
    *(None, True, False, -1, 0, 1, 2, 3, 7, 255, 10**6, 10**30, -(10**30), 10**5000, 0.5, 1e308, 5e-324),
    *(math.nan, math.inf, -math.inf, "", "x", "x" * 5000, "é", "full", "learned-8", "a-mean-pool", "null", "1", "\x00"),
    *(
        "a\nb",
        "a\u2028b",
        "\u202egnp",
        "\ud800",
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        ".hidden",
        "-rf",
        "a\\b",
        "{x}",
    ),
    *([], [[]], [[[[1]]]], [None], [1, 1.0], [math.nan], [10**30], ["../x"], [True], ["full", "full"], [8, 4, 2]),
    *({}, {"a": {"b": 1}}, {1: 2}, {None: None}, {"../x": 1}, {"encoder": "full"}, {"encoder": "os"}),
    *(date(2020, 1, 1), b"bytes", {1, 2}, (1, 2), print, 1j),
]
KEYS: list[Any] = [
    *(1, 0, None, True, 1.5, math.nan, (1, 2), date(2020, 1, 1), b"x", "", "1", "x", "full", "text", "train", "x" * 65),
    *(
        "x" * 300,
        "../x",
        "..",
        ".x",
        "-x",
        "a/b",
        "a\\b",
        "a\nb",
        "v20\n",
        "\x00",
        "é",
        "train.reference",
        "{x}",
        "a b",
    ),
]


# What places.smk and Snakemake say to these lines where a run is planned in the checkout.
PLACES = {
    "ROOT": ROOT,
    "RESULTS": "results",
    "PLACE": "",
    "IS_MAIN": False,
    "DOCUMENT_FOLDERS": [ROOT / "documents"],
    "IS_HERE": True,
    "workflow": SimpleNamespace(is_main_process=False),
}


# The studies' files without their designs, for configs that are complete in themselves.
DEFAULT = study_files.default(ROOT)
NAMES_ALONE = {study: file._replace(design={}) for study, file in study_files.load(ROOT).items()}


@lru_cache
def common() -> CodeType:
    """The lines of common.smk before its first directive, which are plain Python."""
    head, directive, _ = (ROOT / COMMON).read_text().partition("\nwildcard_constraints:")
    assert directive and "validation.check(config" in head and "shipped_run.jobs(config" in head
    return compile(head, COMMON, "exec")


def planned(made: Any) -> list[str]:
    """The ids of all jobs, their specifications written as the rules do; InputError for a config that is refused."""
    names: Tree = {"config": dict(made), **PLACES}
    try:
        # where Snakemake runs; what these lines name is relative to it
        alone = patch.multiple(study_files, load=lambda root: NAMES_ALONE, default=lambda root: DEFAULT)
        with chdir(ROOT), alone:
            exec(common(), names)
    except SystemExit as stop:
        line = str(stop.code)
        assert line.startswith("error: ") and len(line.splitlines()) == 1 and line.isprintable(), line
        assert len(line) < 3000
        raise InputError(line) from None
    made = names["config"]
    specs = [names[kind] for kind in ("DATASETS", "CONDITIONS", "SCRIPTS", "LANGUAGE_MODELS", "CRAMMED")]
    rules = [
        names["PLAN"],
        made["statistics"],
        made["language_models"],
        cramming.recipes(made),
        cramming.deciding(made),
    ]
    for part in (*specs, *rules):
        config.canonical(part)
    ids = [identity for part in specs[1:] for identity in part]
    assert len(set(ids)) == len(ids)
    for identity in (*ids, *specs[0]):
        assert inside(identity), identity
    return ids


def inside(identity: str) -> bool:
    """Whether a path below results/ made of an id stays there, in names that every file system takes."""
    parts = identity.split("/")
    return all(part[:1].isalnum() and part.replace("-", "").replace("_", "").isalnum() for part in parts) and all(
        part.isascii() and len(f".{part}.reference.parquet.abcdefgh") <= 255 for part in parts
    )


def places(value: Any, place: Place = ()) -> list[Place]:
    """Every place below the root of a tree."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, entry in inner for found in [(*place, key), *places(entry, (*place, key))]]


def at(tree: Any, place: Place) -> Any:
    for key in place:
        tree = tree[key]
    return tree


def near(value: Any, rng: random.Random) -> Any:
    """Another value of the same type, which the schema may let pass."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return rng.choice([value * 2, value + 1, max(value - 1, 0), 1, 2, 3, 64, 1000, -value, value * 10**6])
    if isinstance(value, str):
        pool = ["full", "learned", "pca", "svd", "banded", "base", "bpe", "word", "lstm", "markov", "simple", "sgd"]
        return rng.choice(
            [*pool, "learned-8", "learned-16", "untrained", "tuned", value + "x", value[:-1], value.upper()]
        )
    if isinstance(value, list):
        return rng.choice([value * 2, value[::-1], value[1:], [*value, near(value[0], rng) if value else 3]])
    return {key: entry for key, entry in value.items() if rng.random() < 0.8} if isinstance(value, dict) else value


def mutate(tree: Tree, rng: random.Random) -> str:
    """Change one thing of a tree in place; says what was done."""
    place = rng.choice(places(tree))
    holder, last = at(tree, place[:-1]), place[-1]
    kinds = ["replace", "replace", "near", "near", "near", "delete", "add", "rename", "swap", "copy"]
    kind = rng.choice(kinds)
    if kind == "replace":
        holder[last] = deepcopy(rng.choice(VALUES))
    elif kind == "near":
        holder[last] = near(holder[last], rng)
    elif kind == "delete":
        del holder[last]
    elif kind in ("add", "rename"):
        value = deepcopy(holder[last]) if kind == "add" else holder.pop(last)
        key = rng.choice(KEYS) if rng.random() < 0.5 else f"{last}x"
        holder.append(value) if isinstance(holder, list) else holder.update({key: value})
    else:
        other = rng.choice(places(tree))
        value = deepcopy(holder[last])
        holder[last] = deepcopy(at(tree, other))
        if kind == "swap":
            with suppress(KeyError, IndexError, TypeError):  # the one was inside the other
                at(tree, other[:-1])[other[-1]] = value
    return kind


def tried(action: Callable[[], object]) -> str:
    """``planned``, or ``refused`` in one line; anything else is an error of this test's subject."""
    try:
        action()
    except InputError as error:
        line = str(error)
        assert len(line.splitlines()) == 1 and line.isprintable(), line
        return "refused"
    return "planned"


KEPT = {
    "learned_encoding": ["markov"],
    "bespoke": ["converged"],
    "language_models": ["transformer"],
    "cramming": ["vectors", "settings"],
}


def shortened(made: Tree) -> Tree:
    """A config with one or two experiments of every study, and the arms and models that they use."""
    made = json.loads(json.dumps(made))
    for study, names in KEPT.items():
        studies = made[study]["experiments"] = {name: made[study]["experiments"][name] for name in names}
        designs = [way for ways in studies.values() for way in (ways.values() if study != "cramming" else [ways])]
        used = {
            name.removesuffix("-8") for design in designs for key in ("arms", "single") for name in design.get(key, [])
        }
        arms = "settings" if study == "cramming" else "arms"
        made[study][arms] = {name: entry for name, entry in made[study][arms].items() if name in used}
    real = made["real_model"]
    for experiment in real["experiments"].values():
        experiment["arms"] = experiment["arms"][:3]
        real["arms"] = {name: entry for name, entry in real["arms"].items() if name in experiment["arms"]}
    models = made["cramming"]["models"]
    kept = ("llama-64x2", "llama-64x4", "untrained", "pythia-160m", "smollm2")
    made["cramming"]["models"] = {name: models[name] for name in kept}
    made["cramming"]["compared"] |= {"largest": ["smollm2"], "families": {}, "architectures": {"llama": "llama-64x4"}}
    return made


@lru_cache
def bases() -> dict[str, list[Tree]]:
    """The default config, whole and shortened, and what each overlay lays over it. To be copied before a change."""
    default = study_files.default(ROOT)
    layered = {name: [default, config.load(ROOT / "config" / f"{name}.yaml")] for name in ("smoke", "paper")}
    return {"config": [default], "short": [shortened(default)], **layered}


# The text of a file

BYTES = [
    b"\x00",
    b"\xff",
    b"\t",
    b"\n",
    b"\r",
    b": ",
    b"- ",
    b"[",
    b"]",
    b"{",
    b"}",
    b"&a ",
    b"*a",
    b"!!",
    b"|\n",
    b"#",
]
TAGS = [
    b"!!python/object/apply:os.system [touch ran]", b"!!python/name:os.system", b"!!python/module:os", b"!!int x",
    b"!!python/object/new:os.system [touch ran]", b"!!timestamp x", b"!!bool x", b"!!float x", b"!!binary x",
    b"!!set {a, b}", b"!!omap [a: 1]", b"2020-99-99", b"9" * 5000, b"{<<: 1}", b"{[1]: 2}", b"!own x", b"&b [*b]",
]  # fmt: skip


def damage(content: bytes, rng: random.Random) -> bytes:
    """Cut, flip, insert, repeat or replace a value of a YAML text."""
    where = rng.randrange(len(content))
    kind = rng.randrange(7)
    if kind == 0:
        return content[:where]
    if kind == 1:
        return content[:where] + bytes([content[where] ^ (1 << rng.randrange(8))]) + content[where + 1 :]
    if kind == 2:
        return content[:where] + rng.choice(BYTES) + content[where:]
    if kind == 3:
        return content[:where] + content[where + rng.randrange(1, 200) :]
    lines = content.split(b"\n")
    number = rng.randrange(len(lines))
    if kind == 4:
        lines.insert(number, lines[rng.randrange(len(lines))])
    elif kind == 5:
        lines[number] = rng.choice([b" ", b"    ", b"\t"]) + lines[number].lstrip()
    else:
        colons = [i for i in range(len(content) - 1) if content[i : i + 2] == b": "]
        start = rng.choice(colons) + 2
        ends = [content.find(mark, start) for mark in (b",", b"}", b"\n")]
        end = min((end for end in ends if end >= 0), default=len(content))
        return content[:start] + rng.choice(TAGS) + content[end:]
    return b"\n".join(lines)
