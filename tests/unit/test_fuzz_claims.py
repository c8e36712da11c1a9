"""The registry of claims under fire: a mistake is one line with file and id, and nothing in it is ever evaluated."""

import math
import random
import re
import time
from collections import Counter
from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import views
import yaml
from config_mutations import FIRE, KEYS, ROOT, VALUES, Place, Tree, at, damage, places
from hypothesis import given, settings
from hypothesis import strategies as st

from tokentrial import config, documents
from tokentrial.claims import printed, registry, verdicts
from tokentrial.claims.rules import Results
from tokentrial.errors import InputError

FOLDER = ROOT / "documents"
SCHEMA = ROOT / "workflow/schemas/claims.schema.yaml"
NUMBERS: list[Any] = [
    *(
        "1e400",
        "nan",
        "inf",
        "-inf",
        "1e5",
        "0x10",
        "1_000",
        "1,00",
        "--1",
        "0",
        "-1",
        "0.0",
        "100%",
        "101%",
        "8:1",
        "<5",
    ),
    *(
        ">0",
        "~",
        "≈5",
        "25M",
        "9" * 400,
        "0." + "0" * 400 + "1",
        "1" * 5000,
        "0",
        "١٢",
        "1,568",
        "x24",
        "24x",
        "5+",
        "½",
    ),
    *(0, -1, 10**400, math.nan, math.inf, -0.0, 1e308, 5e-324, True, None, [], {}, {"value": "1"}, {"where": "x"}),
    *({"value": "1", "where": "x"}, {"value": 1, "where": "x"}, {"value": "nan", "where": "x"}, [["1"]], ["0.1"] * 3),
    *(
        "__import__('os').system('touch ran')",
        "{low}",
        "%s%n",
        "${HOME}",
        "min",
        "low",
        "max",
        "high",
        "value",
        "values",
    ),
]


@cache
def schema() -> Tree:
    made: Tree = yaml.safe_load(SCHEMA.read_text())
    return made


@cache
def groups() -> dict[str, documents.Group]:
    return documents.load(FOLDER)


def known() -> list[str]:
    """The documents that a claim can name."""
    return [name for name in groups() if name != documents.CROSS]


@cache
def entries() -> list[Tree]:
    """Every claim of the shipped registry."""
    return [entry for name in groups() for entry in config.load(FOLDER / name / "claims.yaml")["claims"]]


@cache
def reference() -> Results:
    """The committed results of a full default run."""
    return Results.read(views.shipped(), 0.95)


def mutate(entry: Tree, rng: random.Random) -> None:
    """Change one thing of a claim, mostly what its check or rule gets."""
    found = places(entry)
    inner = [place for place in found if place[0] in ("parameters", "reported")]
    place: Place = rng.choice(inner if rng.random() < 0.8 else found)
    holder, last = at(entry, place[:-1]), place[-1]
    kind = rng.choice(["number", "number", "number", "value", "delete", "add", "rename", "swap", "check"])
    if kind == "number":
        holder[last] = deepcopy(rng.choice(NUMBERS))
    elif kind == "value":
        holder[last] = deepcopy(rng.choice(VALUES))
    elif kind == "delete":
        del holder[last]
    elif kind in ("add", "rename"):
        value = deepcopy(holder[last]) if kind == "add" else holder.pop(last)
        key = rng.choice([*KEYS, f"{last}x", "results", "self", "reported"])
        holder.append(value) if isinstance(holder, list) else holder.update({key: value})
    elif kind == "swap":
        holder[last] = deepcopy(at(entry, rng.choice(found)))
    else:
        other = rng.choice(entries())
        for key in ("check", "rule"):
            if key in entry and key in other:
                entry[key] = other[key]


def one_line(error: InputError, *parts: str) -> None:
    line = str(error)
    assert len(line.splitlines()) == 1 and line.isprintable() and len(line) < 5000, ascii(line)
    for part in parts:
        assert part in line, (part, line)


def judged(entry: Tree, rules: bool) -> str:
    """What becomes of an entry that is loaded and judged; only one line with file and id may come out of either."""
    name = entry.get("id")
    where = ["some.yaml"] + ([name] if isinstance(name, str) and name.isprintable() and len(name) < 50 else [])
    try:
        claim = registry.read_entry(entry, schema(), "some.yaml", known())
    except InputError as error:
        one_line(error, *where)
        return "refused"
    if claim.call is None and not rules:
        return "loaded"
    try:
        verdicts.row(claim, verdicts.finding(claim, reference() if rules else None))
    except InputError as error:
        one_line(error, *where)
        return "not judged"
    return "judged"


def test_mutated_claims_are_judged_or_refused_in_one_line(root: Path) -> None:
    outcomes: Counter[str] = Counter()
    slowest = 0.0

    @settings(FIRE, max_examples=500)
    @given(st.integers(0, 2**64), st.integers(0, len(entries()) - 1), st.sampled_from([1, 1, 2]))
    def fire(seed: int, number: int, changes: int) -> None:
        nonlocal slowest
        rng = random.Random(seed)
        entry = deepcopy(entries()[number])
        for _ in range(changes):
            mutate(entry, rng)
        start = time.process_time()
        outcomes[judged(entry, rules=False)] += 1
        slowest = max(slowest, time.process_time() - start)

    fire()
    assert sum(outcomes.values()) >= 500
    assert min(outcomes["judged"], outcomes["refused"]) >= 50, outcomes
    assert slowest < 5
    assert not (root / "ran").exists() and not Path("ran").exists()


def test_mutated_empirical_claims_on_the_reference_results() -> None:
    outcomes: Counter[str] = Counter()
    empirical = [entry for entry in entries() if entry["kind"] == "empirical"]

    @settings(FIRE, max_examples=80)
    @given(st.integers(0, 2**64), st.integers(0, len(empirical) - 1))
    def fire(seed: int, number: int) -> None:
        entry = deepcopy(empirical[number])
        mutate(entry, random.Random(seed))
        outcomes[judged(entry, rules=True)] += 1

    assert judged(deepcopy(empirical[0]), rules=True) == "judged"
    fire()
    assert sum(outcomes.values()) >= 80
    assert min(outcomes["judged"], outcomes["refused"] + outcomes["not judged"]) >= 10, outcomes


def test_damaged_registry_files_load_or_are_refused_in_one_line(tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    names = ("004/claims.yaml", "cross/claims.yaml", "000/document.yaml", "cross/document.yaml")
    whole = {name: (FOLDER / name).read_bytes() for name in names}

    @settings(FIRE, max_examples=200)
    @given(st.integers(0, 2**64), st.sampled_from(sorted(whole)))
    def fire(seed: int, name: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(damage(whole[name], random.Random(seed)))
        try:
            if path.name == "document.yaml":
                documents.read(path)
            else:
                registry.read_file(path, schema(), groups()[path.parent.name].claims, known())
        except InputError as error:
            one_line(error, str(path))
            outcomes["refused"] += 1
        else:
            outcomes["loaded"] += 1

    fire()
    assert sum(outcomes.values()) >= 200 and min(outcomes["loaded"], outcomes["refused"]) >= 20, outcomes
    assert not (tmp_path / "ran").exists() and not Path("ran").exists()


def test_a_number_that_is_none_is_refused_with_file_and_id() -> None:
    entry = deepcopy(next(entry for entry in entries() if entry["check"] == "range_ends"))
    for value in (
        math.nan,
        math.inf,
        -math.inf,
        10**400,
        "1e400",
        "nan",
        True,
        None,
        [],
        {"value": "nan", "where": "x"},
    ):
        entry["parameters"]["values"] = [value]
        with pytest.raises(InputError, match=f"^some.yaml: {entry['id']}: ") as caught:
            registry.read_entry(entry, schema(), "some.yaml", ["000"])
        one_line(caught.value)


HARD = [
    "1" * 20_000 + "x",
    "1," * 10_000 + "1",
    "1" + ",111" * 5_000 + "!",
    " " * 20_000 + "!",
    "1." + "1" * 20_000 + "K?",
]


@pytest.mark.parametrize("text", HARD, ids=range(len(HARD)))
def test_a_printed_number_is_read_in_linear_time(text: str) -> None:
    """No pattern is the user's own; the project's do not backtrack without end."""
    start = time.process_time()
    with pytest.raises(InputError) as caught:
        printed.parse(text)
    assert time.process_time() - start < 1
    one_line(caught.value)


def test_ids_that_would_make_a_pattern_backtrack() -> None:
    entry = deepcopy(entries()[0])
    for name in ("A" * 50_000 + "!", "A-" + "a-" * 50_000 + "!"):
        start = time.process_time()
        with pytest.raises(InputError):
            registry.read_entry({**entry, "id": name}, schema(), "some.yaml", ["000"])
        assert time.process_time() - start < 2
    with suppress(InputError):
        registry.read_entry({**entry, "document": "000" + " + 000" * 20_000}, schema(), "some.yaml", ["000"])
    assert time.process_time() - start < 2
    assert all(re.fullmatch("[A-Z]+[0-9]?-[A-Za-z0-9-]+", made["id"]) for made in entries())
