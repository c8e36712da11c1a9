"""The registry: what it accepts, and one clear line with file and id for each thing that can be wrong."""

import hashlib
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from tokentrial.claims import registry, verdicts
from tokentrial.claims.checks import CHECKS
from tokentrial.claims.registry import check_texts, load
from tokentrial.claims.verdict import Finding
from tokentrial.errors import InputError

SCHEMA = Path(__file__).parents[2] / "workflow/schemas/claims.schema.yaml"
TEXT = b"2:1 saves 52.1% of 13,632"
Content = dict[str, Any]


def entry(name: str, **changes: Any) -> Content:
    made: Content = {
        "id": name,
        "document": "000",
        "section": "1",
        "kind": "arithmetic",
        "paraphrase": "A saving",
        "reported": {"saved": "52.1%", "kept": "6,528"},
        "check": "saving",
        "parameters": {"kept": "kept", "of": {"value": "13,632", "where": "Table 1"}, "result": "saved"},
    }
    made |= changes
    return {key: value for key, value in made.items() if value is not None}


def empirical(name: str, **changes: Any) -> Content:
    cells = [{"study": "bespoke/chain", "pairs": [["bespoke", "standard"]]}]
    rule = {"rule": "superior", "parameters": {"cells": cells, "metric": "cross_entropy"}}
    given = rule["parameters"] | changes.pop("given", {})
    return entry(name, kind="empirical", check=None, **(rule | {"parameters": given} | changes))


def files() -> dict[str, Content]:
    """A small folder of documents: two claims of one document, one of several."""
    document = {
        "title": "T",
        "file": "000.txt",
        "sha256": hashlib.sha256(TEXT).hexdigest(),
        "prefix": "A0",
        "ids": ["ONE", "TWO"],
    }
    return {
        "000/document.yaml": document,
        "000/claims.yaml": {"claims": [entry("A0-TWO"), entry("A0-ONE")]},
        "cross/document.yaml": {"title": "C", "prefix": "XD", "ids": ["BOTH"]},
        "cross/claims.yaml": {"claims": [entry("XD-BOTH", document="000 + 000")]},
    }


def written(folder: Path, content: dict[str, Content]) -> Path:
    for name, value in content.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(value))
    return folder


def test_claims_come_in_the_order_of_the_documents(tmp_path: Path) -> None:
    claims = load(written(tmp_path, files()), SCHEMA)
    assert [claim.id for claim in claims] == ["A0-ONE", "A0-TWO", "XD-BOTH"]
    assert claims[0].numbers == 3
    judged = verdicts.judge(claims, None)
    assert judged["verdict"].tolist() == ["CONSISTENT"] * 3
    assert judged["rows"].tolist() == [3, 3, 3]


def _set(*path: Any, to: Any) -> Callable[[dict[str, Content]], None]:
    def change(content: dict[str, Content]) -> None:
        place: Any = content
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


def _first(**changes: Any) -> Callable[[dict[str, Content]], None]:
    return _set("000/claims.yaml", "claims", 0, to=entry("A0-TWO", **changes))


def _rule(**changes: Any) -> Callable[[dict[str, Content]], None]:
    return _set("000/claims.yaml", "claims", 0, to=empirical("A0-TWO", **changes))


def _cells(**changes: Any) -> Callable[[dict[str, Content]], None]:
    cells = {"study": "bespoke/chain", "pairs": [["bespoke", "standard"]]} | changes
    return _rule(given={"cells": [cells]})


PARAMETERS = {"kept": "kept", "of": "13,632", "result": "saved"}
BAD: dict[str, tuple[Callable[[dict[str, Content]], None], str]] = {
    "unknown check": (
        _first(check="savings"),
        r"000/claims\.yaml: A0-TWO: check: unknown key 'savings': did you mean 'saving'\?",
    ),
    "duplicate id": (
        _set("000/claims.yaml", "claims", 0, to=entry("A0-ONE")),
        r"000/claims\.yaml: A0-ONE: the id is there twice",
    ),
    "id of no document": (
        _set("000/claims.yaml", "claims", 0, to=entry("A0-THREE")),
        r"000/claims\.yaml: A0-THREE: no document has the id",
    ),
    "missing id": (
        _set("000/claims.yaml", "claims", to=[entry("A0-ONE")]),
        r"000/claims\.yaml: A0-TWO: the entry is missing \(1 of 2",
    ),
    "number without quotes": (
        _first(reported={"saved": 52.1, "kept": "6,528"}),
        r"A0-TWO: reported\.saved: found 52\.1",
    ),
    "text that is no number": (
        _first(reported={"saved": "52.1 percent", "kept": "6,528"}),
        r"000/claims\.yaml: A0-TWO: reported: saved: found '52\.1 percent', expected a printed number",
    ),
    "number outside its type": (
        _first(
            reported={"saved": "152.1%", "kept": "6,528"},
            check="net_saving",
            parameters={"vocabulary": 50, "width": 4, "narrow": "kept", "result": "saved"},
        ),
        r"A0-TWO: parameters: result: found '152\.1%', expected a share of at most 100 %",
    ),
    "negative count": (
        _first(reported={"saved": "52.1%", "kept": "-6,528"}),
        r"A0-TWO: parameters: kept: found '-6,528', expected a number above 0",
    ),
    "unused number": (
        _first(reported={"saved": "52.1%", "kept": "6,528", "n": "3"}),
        r"000/claims\.yaml: A0-TWO: reported: n is used by no parameter",
    ),
    "unknown parameter": (
        _first(parameters=PARAMETERS | {"off": 1}),
        r"A0-TWO: parameters: unknown key 'off': did you mean 'of'\?",
    ),
    "missing parameter": (
        _first(parameters={"kept": "kept", "result": "saved"}),
        r"A0-TWO: parameters: 'of' is missing",
    ),
    "unknown reported name": (
        _first(parameters=PARAMETERS | {"of": "total"}),
        r"A0-TWO: parameters: of: unknown key 'total'",
    ),
    "place without value": (
        _first(parameters=PARAMETERS | {"of": {"value": "3"}}),
        r"A0-TWO: parameters: of: found \{'value': '3'\}",
    ),
    "unknown document": (
        _first(document="009"),
        r"000/claims\.yaml: A0-TWO: document: found '009', expected one of 000",
    ),
    "unknown kind": (
        _first(kind="guess"),
        r"000/claims\.yaml: A0-TWO: kind: found 'guess', expected one of arithmetic",
    ),
    "unknown key": (_first(margin=1), r"000/claims\.yaml: A0-TWO: unknown key 'margin'"),
    "no paraphrase": (_first(paraphrase=None), r"000/claims\.yaml: A0-TWO: key 'paraphrase' is missing"),
    "rule of a checked claim": (_first(rule="superior"), r"000/claims\.yaml: A0-TWO: unknown key 'rule'"),
    "empirical claim without a rule": (
        _set("000/claims.yaml", "claims", 0, to=empirical("A0-TWO", rule=None)),
        r"000/claims\.yaml: A0-TWO: key 'rule' is missing",
    ),
    "unknown rule": (
        _rule(rule="superier"),
        r"000/claims\.yaml: A0-TWO: rule: unknown key 'superier': did you mean 'superior'\?",
    ),
    "unknown parameter of a rule": (
        _rule(given={"seed": 3}),
        r"000/claims\.yaml: A0-TWO: parameters: unknown key 'seed': did you mean 'seeds'\?",
    ),
    "results as a parameter": (
        _rule(given={"results": 3}),
        r"000/claims\.yaml: A0-TWO: parameters: unknown key 'results': .*expected one of cells, metric",
    ),
    "missing parameter of a rule": (
        _rule(parameters={"metric": "accuracy"}),
        r"A0-TWO: parameters: 'cells' is missing",
    ),
    "value that a rule does not allow": (
        _rule(given={"quantifier": "evry"}),
        r"A0-TWO: parameters: quantifier: unknown key 'evry': did you mean 'every'\? expected one of every, agree",
    ),
    "number of seeds as text": (
        _rule(given={"seeds": "10"}),
        r"A0-TWO: parameters: seeds: found '10', expected a value of type int",
    ),
    "margin of no kind": (
        _rule(given={"equivalence": {"relativ": 0.01}}),
        r"A0-TWO: parameters: equivalence: unknown key 'relativ': did you mean 'relative'\?",
    ),
    "unknown key of cells": (
        _cells(pair=[["bespoke", "standard"]]),
        r"A0-TWO: parameters: cells\[0\]: unknown key 'pair': did you mean 'pairs'\?",
    ),
    "cells without a key": (
        _rule(given={"cells": [{"study": "bespoke/chain"}]}),
        r"A0-TWO: parameters: cells\[0\]: found the keys \['study'\], expected 'study', 'pairs'",
    ),
    "pair of one arm": (
        _cells(pairs=[["bespoke"]]),
        r"A0-TWO: parameters: cells\[0\]\.pairs\[0\]: found \['bespoke'\], expected a list of 2 entries",
    ),
    "no pair": (_cells(pairs=[]), r"A0-TWO: parameters: cells\[0\]\.pairs: found \[\], expected a list with at least"),
    "a time that is typed": (
        _set("000/claims.yaml", "claims", 0, to=empirical("A0-TWO", fixed="before the run")),
        r"000/claims\.yaml: A0-TWO: .*fixed",
    ),
    "words beside the rule's own": (
        _set("000/claims.yaml", "claims", 0, to=empirical("A0-TWO", decision="better")),
        r"000/claims\.yaml: A0-TWO: decision: found a text, expected none: the rule superior says what it decides on",
    ),
    "no words at all": (
        _set("000/claims.yaml", "claims", 0, to=empirical("A0-TWO", rule="as_decided", parameters={"claim": "a"})),
        r"000/claims\.yaml: A0-TWO: key 'decision' is missing: the rule as_decided takes its words from the entry",
    ),
    "one part": (
        _first(check="several", parameters={"parts": []}),
        r"A0-TWO: parameters: expected the keys claim and parts",
    ),
    "unknown check of a part": (
        _first(
            check="several",
            parameters={
                "claim": "all",
                "parts": [
                    {"check": "total", "parameters": {"parts": ["1"], "result": "1"}},
                    {"check": "sum", "parameters": {}},
                ],
            },
        ),
        r"000/claims\.yaml: A0-TWO: parameters: parts\[1\]: check: unknown key 'sum'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_with_file_and_id(case: str, tmp_path: Path) -> None:
    change, message = BAD[case]
    content = deepcopy(files())
    change(content)
    with pytest.raises(InputError, match=message) as caught:
        load(written(tmp_path, content), SCHEMA)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), InputError("division by 0 to 1"), KeyError("x")])
def test_a_check_that_raises_never_becomes_a_verdict(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(kept: str, of: str, result: str) -> Finding:
        raise error

    monkeypatch.setattr(registry, "CHECKS", {**CHECKS, "broken": broken})
    content = files()
    parameters = {"kept": "kept", "of": "a", "result": "saved"}
    content["000/claims.yaml"]["claims"][0] = entry("A0-TWO", check="broken", parameters=parameters)
    claims = load(written(tmp_path, content), SCHEMA)
    with pytest.raises(InputError, match=r"000/claims\.yaml: A0-TWO: .*(by zero|0 to 1|x)"):
        verdicts.judge(claims, None)


def test_a_check_cannot_give_the_verdict_of_a_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def confirms(kept: str, result: str) -> Finding:
        return Finding("CONFIRMED", {}, "It was found.")

    monkeypatch.setattr(registry, "CHECKS", {**CHECKS, "confirms": confirms})
    content = files()
    content["000/claims.yaml"]["claims"][0] = entry(
        "A0-TWO", check="confirms", parameters={"kept": "kept", "result": "saved"}
    )
    with pytest.raises(InputError, match=r"A0-TWO: confirms gave CONFIRMED"):
        verdicts.judge(load(written(tmp_path, content), SCHEMA), None)


def test_without_results_no_empirical_claim_is_judged(tmp_path: Path) -> None:
    content = files()
    content["000/claims.yaml"]["claims"][0] = empirical(
        "A0-TWO", given={"released": []}
    )  # as it is without the parameter
    claims = load(written(tmp_path, content), SCHEMA)
    assert [claim.id for claim in claims] == ["A0-ONE", "A0-TWO", "XD-BOTH"]
    assert verdicts.judge(claims, None)["id"].tolist() == ["A0-ONE", "XD-BOTH"]
    results: Any = object()
    with pytest.raises(InputError, match=r"000/claims\.yaml: A0-TWO: superior failed: AttributeError"):
        verdicts.judge(claims, results)


def test_a_document_that_changed(tmp_path: Path) -> None:
    folder = written(tmp_path, files())
    (tmp_path / "000.txt").write_bytes(TEXT)
    assert check_texts(tmp_path, folder) == 1
    (tmp_path / "000.txt").write_bytes(TEXT + b" ")
    with pytest.raises(InputError, match=r"000\.txt: document 000 has changed: its checksum is"):
        check_texts(tmp_path, folder)
    (tmp_path / "000.txt").unlink()
    with pytest.raises(InputError, match=r": found the text of no document, expected at least one of 000\.txt"):
        check_texts(tmp_path, folder)
    for name in ("texts/000.txt", "documents"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(InputError, match=r"000\.txt: document 000 cannot be read"):
        check_texts(tmp_path / "texts", written(tmp_path / "documents", files()))


def test_a_folder_of_texts_need_not_have_every_document(tmp_path: Path) -> None:
    content = files()
    content["my-paper_2/document.yaml"] = {**content["000/document.yaml"], "file": "mine.txt", "prefix": "MP2026"}
    content["my-paper_2/document.yaml"]["ids"] = ["ONE"]
    entry = {**content["000/claims.yaml"]["claims"][0], "id": "MP2026-ONE", "document": "my-paper_2"}
    content["my-paper_2/claims.yaml"] = {"claims": [entry]}
    folder = written(tmp_path, content)
    assert load(folder, SCHEMA)[-2].document == "my-paper_2"  # and the claims across documents after it
    (tmp_path / "mine.txt").write_bytes(TEXT)
    assert check_texts(tmp_path, folder) == 1
    (tmp_path / "000.txt").write_bytes(TEXT + b" ")
    with pytest.raises(InputError, match=r"000\.txt: document 000 has changed"):
        check_texts(tmp_path, folder)


def test_verdicts_are_written_whole_and_equal(tmp_path: Path) -> None:
    judged = verdicts.judge(load(written(tmp_path, files()), SCHEMA), None)
    for name in ("first", "second"):
        verdicts.write(tmp_path / name, judged)
    first, second = ((tmp_path / name / "verdicts.json").read_bytes() for name in ("first", "second"))
    assert first == second
    found = json.loads(first)
    assert [claim["id"] for claim in found] == ["A0-ONE", "A0-TWO", "XD-BOTH"]
    assert found[0]["reported"] == {"saved": "52.1%", "kept": "6,528"}
    assert found[0]["recomputed"]["low"] == pytest.approx(1 - 6528 / 13632)
    table = pq.read_table(tmp_path / "first" / "verdicts.parquet")
    assert table.schema.equals(verdicts.VERDICTS, check_metadata=False)
    pd.testing.assert_frame_equal(table.to_pandas(), judged, check_dtype=False)
    counted = verdicts.counts(judged)
    assert counted["n"].tolist() == [2, 1]


def test_numbers_that_json_does_not_have() -> None:
    import numpy as np

    text = verdicts.as_json({"a": np.float64(0.1), "b": float("inf"), "c": [np.int64(3), True], "d": 0.1 + 0.2})
    assert json.loads(text) == {"a": 0.1, "b": "inf", "c": [3, True], "d": 0.3}
