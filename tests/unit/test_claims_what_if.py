"""What if: verdicts of the shipped run by other margins, settings and entries, and the margins at which they flip."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Command, command, refused  # noqa: F401

from tokentrial.claims import verdicts, what_if
from tokentrial.claims.what_if import Dispute, Scaled
from tokentrial.errors import InputError

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "results/reference"


@pytest.fixture(scope="module")
def dispute() -> Iterator[Dispute]:
    yield Dispute(SHIPPED)


def test_without_a_change_nothing_flips(dispute: Dispute) -> None:
    assert dispute.flips([], []) == []
    assert dispute.flips([], ["LE0-RQ.margin=0.01"]) == []  # its own margin
    empirical = [name for name, claim in dispute.claims.items() if claim.call is None]
    assert dispute.flips_by(SHIPPED / "runs.parquet") == (len(empirical), [])  # all is made again, of the same rows


@pytest.mark.slow
def test_a_global_margin_flips_what_the_run_would_judge_by_it(dispute: Dispute) -> None:
    """A fourfold margin by the rule's own functions, and by the scaled comparisons of the search for limits."""
    margin = 4 * dispute.config["statistics"]["equivalence_margin"]
    flips = dispute.flips([f"statistics.equivalence_margin={margin}"], [])
    assert len(flips) >= 5 and all(flip.before != flip.after for flip in flips)
    nats = set(dispute.config["language_models"]["margins"])
    for name, claim in dispute.claims.items():
        own = claim.parameters.get("equivalence")
        if claim.call is not None or own or ("language_models" in json.dumps(claim.parameters) and nats):
            continue
        scaled = verdicts.finding(claim, Scaled(dispute.run, 4.0)).verdict  # type: ignore[arg-type]
        full = next((flip.after for flip in flips if flip.id == name), dispute.judged([claim])[name].verdict)
        assert scaled == full, name


def test_limits_are_where_verdicts_flip(dispute: Dispute) -> None:
    """On either side of a limit, at one per cent of it, the verdict is the one that it says."""
    own = [name for name, claim in dispute.claims.items() if claim.call is None and claim.parameters.get("equivalence")]
    limits = dispute.limits(own[:6])  # absolute and relative ones, some with a least margin
    flipping = [limit for limit in limits if limit.below or limit.above]
    assert len(limits) == 6 and flipping and {limit.of for limit in limits} <= set(what_if.KINDS)
    for limit in flipping:
        for end, sign in ((limit.below, -1), (limit.above, 1)):
            if end is None:
                continue
            margin, word = end
            beyond, before = (margin * (1 + sign * part) for part in (0.01, -0.01))
            for value, expected in ((beyond, word), (before, limit.verdict)):
                claim = dispute.changed(f"{limit.id}.margin={value!r}", dispute.claims)
                assert dispute.judged([claim])[limit.id].verdict == expected, limit


def test_a_claim_s_numbers_and_parameters_can_be_changed(dispute: Dispute) -> None:
    [flip] = dispute.flips([], ["LE0-TAB-DIFF-2.reported.difference=+0.026"])
    assert (flip.id, flip.before, flip.after) == ("LE0-TAB-DIFF-2", "CONSISTENT", "INCONSISTENT")
    claim = dispute.changed("LE0-RQ.parameters.cells.0.select={ratio: [2]}", dispute.claims)
    assert claim.parameters["cells"][0]["select"] == {"ratio": [2]}
    assert dispute.claims["LE0-RQ"].parameters["cells"][0]["select"] == {"ratio": [2, 4, 8, 16]}


BAD = {
    "LE0-RQ": r"--claim LE0-RQ: expected ID\.margin=NUMBER",
    "LE0-RX.margin=1": r"--claim LE0-RX\.margin=1: claim 'LE0-RX': did you mean 'LE0-RQ'",
    "LE0-RQ.margin=wide": r"--claim LE0-RQ\.margin=wide: margin: found 'wide', expected a number above 0",
    "LE0-RQ.margin=-1": r"margin: found -1, expected a number above 0",
    "LE0-TAB-DIFF-2.margin=1": r"LE0-TAB-DIFF-2 is decided by the check difference, which has no margin",
    "LE0-RQ.parameters.sedes=3": r"parameters: unknown key 'sedes': did you mean 'seeds'",
    "LE0-RQ.parameters.seeds=three": r"parameters: seeds: found 'three', expected a value of type int",
    "LE0-RQ.verdict=CONFIRMED": r"found 'verdict', expected margin, parameters\.NAME or reported\.NAME",
    "LE0-RQ.parameters.cells.9.study=x": r"found '9', expected one of 0",
}


@pytest.mark.parametrize("change", BAD)
def test_a_change_that_cannot_be_made_is_one_line(change: str, dispute: Dispute) -> None:
    with pytest.raises(InputError, match=BAD[change]) as caught:
        dispute.flips([], [change])
    assert "\n" not in str(caught.value)


SETTINGS = {
    "seeds=3": r"--set seeds=3: expected statistics\.NAME=VALUE or language_models\.margins\.NAME=VALUE: all other",
    "statistics=1": r"--set statistics=1: expected statistics\.NAME=VALUE",
    "statistics.equivalence_margin=wide": r"config: statistics\.equivalence_margin: found 'wide', expected",
    "statistics.margin=.2": r"config: statistics: unknown key 'margin'",
    "statistics.confidence=.3": r"config: statistics\.confidence: found 0\.3, expected more than 0\.5",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_that_cannot_be_used_is_one_line(setting: str, dispute: Dispute) -> None:
    with pytest.raises(InputError, match=SETTINGS[setting]):
        dispute.flips([setting], [])


def test_a_dispute_is_a_normal_use(command: Command) -> None:  # noqa: F811
    said = command("what-if", "--claim", "LE0-TAB-DIFF-2.reported.difference=+0.026")
    assert said.code == 0 and "1 verdict would be another one" in said.out and "INCONSISTENT" in said.out
    answer = json.loads(command("what-if", "--claim", "LE0-RQ.margin=.5", "--json").out)
    assert [limit["id"] for limit in answer["limits"]] == ["LE0-RQ"]
    assert refused(command("what-if")) == "what-if: found no change, expected --set, --claim or --margins"
