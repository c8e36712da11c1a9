"""The frozen rules: what makes a verdict count as decided by a rule that is older than the data, and what does not."""

import copy
import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tokentrial import config as settings
from tokentrial import results
from tokentrial.claims import freeze, frozen, registry
from tokentrial.claims.frozen import AFTER, BEFORE, Frozen, Judging
from tokentrial.claims.verdict import VERDICTS
from tokentrial.errors import InputError
from tokentrial.schema import study_files

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    return freeze.content(ROOT)


@pytest.fixture(scope="module")
def rules(content: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Frozen:
    path = tmp_path_factory.mktemp("frozen") / "rules.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return frozen.read(path)


@pytest.fixture(scope="module")
def judging(content: dict[str, Any], rules: Frozen) -> Judging:
    """A run of the default config, whose seed is that of the frozen rules."""
    assert rules.seed is not None
    return Judging(rules.seed, content["settings"], content["designs"][freeze.CONFIG], content["code"])


def test_the_seed_is_made_from_the_file(rules: Frozen, tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text('{"rules": {}, "settings": {}, "designs": {}, "code": {}}', encoding="utf-8")
    one = frozen.read(path)
    assert one.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert one.seed == int(one.digest[:8], 16) < 2**32
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert frozen.read(path).seed != one.seed
    assert rules.seed not in (None, one.seed)


def test_every_empirical_claim_is_frozen_and_counts_as_fixed_before(rules: Frozen, judging: Judging) -> None:
    claims = registry.load(ROOT / "documents", ROOT / "workflow/schemas/claims.schema.yaml")
    empirical = [claim for claim in claims if claim.call is None]
    assert [claim.id for claim in empirical] == list(rules.rules)
    for claim in empirical:
        assert frozen.fixed(rules, judging, claim.id, freeze.rule_of(claim)) == (BEFORE, ""), claim.id


def leaves(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a leaf in a tree, with the leaf's key."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, entry in entries:
        found += leaves(entry) if isinstance(entry, dict | list) else [(value, key)]
    return found


def test_every_leaf_of_a_rule_counts(rules: Frozen, judging: Judging) -> None:
    """A changed cell, margin, quantifier, number of seeds or word is another rule."""
    changed = 0
    for claim, entry in rules.rules.items():
        number = len(leaves(entry))
        for place in range(number):
            other = copy.deepcopy(dict(entry))
            holder, key = leaves(other)[place]
            holder[key] = f"{holder[key]}x" if isinstance(holder[key], str) else not holder[key]
            when, why = frozen.fixed(rules, judging, claim, other)
            assert when == AFTER and "its rule is not the frozen one" in why, (claim, key)
            changed += 1
    assert changed > 800


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"seed": 42}, "the run's seed is 42"),
        ({"settings": {"confidence": 0.9}}, "the margins or the confidence"),
        ({"designs": {"learned_encoding": "another", "shared": "x"}}, "of no frozen config"),
        ({"code": {}}, "the code of its rule"),
    ],
)
def test_what_else_keeps_a_rule_from_counting(
    rules: Frozen, judging: Judging, change: dict[str, Any], why: str
) -> None:
    when, told = frozen.fixed(rules, replace(judging, **change), "LE0-RQ", rules.rules["LE0-RQ"])
    assert when == AFTER and why in told


def test_a_design_counts_for_the_claims_that_read_it(rules: Frozen, judging: Judging) -> None:
    """An own design of the cramming study changes nothing for a claim about the small models."""
    other = replace(judging, designs={**judging.designs, "cramming": "another"})
    assert frozen.fixed(rules, other, "LE0-RQ", rules.rules["LE0-RQ"])[0] == BEFORE
    assert frozen.fixed(rules, other, "CR4-LARGER", rules.rules["CR4-LARGER"])[0] == AFTER


def test_without_frozen_rules_no_rule_counts(rules: Frozen, judging: Judging, tmp_path: Path) -> None:
    none = frozen.read(tmp_path / "rules.json")
    assert none.seed is None
    assert frozen.fixed(none, judging, "LE0-RQ", rules.rules["LE0-RQ"]) == (AFTER, "there are no frozen rules")
    assert frozen.fixed(rules, judging, "OWN-1", rules.rules["LE0-RQ"]) == (AFTER, "the claim has no frozen rule")
    (tmp_path / "rules.json").write_text("[1]")
    with pytest.raises(InputError, match=r"rules\.json: found no frozen rules, expected JSON with rules, settings"):
        frozen.read(tmp_path / "rules.json")


def test_designs_leave_out_the_seed_the_device_and_names() -> None:
    config = study_files.default(ROOT)
    known = frozen.designs(config, "")
    assert set(known) == {"shared", *study_files.STUDIES}
    same = settings.merge(config, {"seed": 7, "device": "cuda", "statistics": {"resamples": 100}})
    assert frozen.designs(same, "") == known
    other = frozen.designs(settings.merge(config, {"learned_encoding": {"hidden": 16}}), "")
    assert {name for name in known if known[name] != other[name]} == {"learned_encoding"}
    searched = frozen.designs(settings.merge(config, {"search": {"seeds": 7}}), "rates")
    assert {name for name in known if known[name] != searched[name]} == {"shared"}


def test_the_code_counts_and_its_comments_do_not() -> None:
    text = '"""A module."""\n\n\ndef one(x: int) -> int:\n    """Returns one more."""\n    return x + 1  # more\n'
    same = "def one(x: int) -> int:\n\n    return (x + 1)\n"
    assert frozen.meaning(text) == frozen.meaning(same)
    for other in (same.replace("1", "2"), same.replace("+", "-"), same.replace("x", "y"), f"{same}\n\nTWO = 2\n"):
        assert frozen.meaning(other) != frozen.meaning(same)


def test_the_code_of_a_rule_is_all_that_decides_by_it(content: dict[str, Any]) -> None:
    """The judge is part of every rule's code, the front of one; the cramming study's decisions are a rule's, too."""
    files = {name: rule.__module__ for name, rule in freeze.RULES.items()}
    assert set(content["code"]) == set(files)
    assert len(set(content["code"].values())) == len({*files.values()})  # a module's rules share their code
    assert content["code"][frozen.OF_CRAMMING] != frozen.code(ROOT, {"as_decided": files["as_decided"]})["as_decided"]


def test_freezing_is_the_same_twice_and_says_what_changed(content: dict[str, Any]) -> None:
    assert freeze.differing(content, freeze.content(ROOT)) == []
    other = copy.deepcopy(content)
    other["rules"]["LE0-RQ"]["parameters"]["metric"] = "cross_entropy"
    other["settings"]["equivalence_margin"] = 0.1
    assert freeze.differing(content, other) == ["rules: LE0-RQ", "settings: equivalence_margin"]


def test_the_shipped_run_is_decided_by_the_file_as_it_was_committed() -> None:
    """Every empirical verdict says so, the run's seed is the file's, and the file's commit comes before the run's."""
    shipped = results.read(str(ROOT / "results/reference/verdicts.parquet"), VERDICTS).to_pandas()
    empirical = shipped[shipped["kind"] == "empirical"]
    assert len(empirical) == 60 and set(empirical["fixed"]) == {BEFORE}
    if not (ROOT / ".git").exists() or _git("rev-parse", "--is-shallow-repository") == b"true\n":
        pytest.skip("a copy without the project's history")
    arms = results.read(str(ROOT / "results/reference/arms.parquet"), results.ARMS).to_pandas()
    [run] = set(arms["git_commit"])
    frozen_text = _git("show", f"{run}:{frozen.FILE}")
    assert hashlib.sha256(frozen_text).hexdigest() == frozen.read(ROOT / frozen.FILE).digest
    frozen_at = _git("log", "-1", "--format=%H", run, "--", frozen.FILE).decode().strip()
    assert frozen_at != run and _git("merge-base", frozen_at, run).decode().strip() == frozen_at
    config = yaml.safe_load(_git("show", f"{run}:config/config.yaml"))
    assert config["seed"] == frozen.read(ROOT / frozen.FILE).seed


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout
