"""The page of verdicts as text: what stands in it, what is escaped, what is refused. A browser opens it elsewhere."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tokentrial import results
from tokentrial.claims.verdict import KINDS, OF_CHECKS, OF_RULES
from tokentrial.claims.verdicts import VERDICTS
from tokentrial.documents import Document, Group
from tokentrial.errors import InputError
from tokentrial.report import claims_page
from tokentrial.report.template import TemplateError

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "workflow/report"
TEMPLATES = {name: (FOLDER / name).read_text() for name in claims_page.TEMPLATES}
TEXT = {"file": "text.txt", "sha256": "0" * 64}
FILES: dict[str, dict[str, Any]] = {
    "000": {"title": "First <title>", "prefix": "LE0", "ids": ["ONE", "TWO"], **TEXT},
    "001": {"title": "Second", "prefix": "LE1", "ids": ["ONE"], **TEXT},
    "cross": {"title": "Across documents", "prefix": "XD", "ids": ["ONE"]},
}
DOCUMENTS = {name: (Document if "file" in content else Group)(**content) for name, content in FILES.items()}
FACTS = {
    "run": "a test run",
    "note": "Its note.",
    "missing": "",
    "corpus": "My letters",
    "text": "My letters, a text of its own.",
    "seeds": "3 to 10",
    "device": "a device",
    "commit": "abc",
    "judged": "def",
    "config": "ghi",
    "versions": "python 3",
}
FIGURE = (
    b'<?xml version="1.0"?><svg width="72pt" viewBox="0 0 72 36" xmlns="http://www.w3.org/2000/svg"><g id="a"/></svg>'
)


def claim(name: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": name,
        "document": "000",
        "section": "§1",
        "kind": "arithmetic",
        "paraphrase": "A claim",
        "reported": {"result": "0.5"},
        "check": "quotient",
        "parameters": {"numerator": "1"},
        "recomputed": {"low": 0.45},
        "verdict": "CONSISTENT",
        "reason": "Because.",
        "comparison": [],
        "decided_by": "check",
        "decision": "",
        "fixed": "",
        "unfrozen": "",
        "rows": 2,
    } | changes
    return {key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in row.items()}


RULE = {
    "kind": "empirical",
    "verdict": "TOO SMALL",
    "comparison": ["cell: learned - autoencoder"],
    "decided_by": "forest",
    "decision": "smaller than the margin",
    "fixed": "before the run",
    "rows": 1234,
}
CLAIMS = (claim("LE0-ONE"), claim("LE0-TWO", **RULE), claim("LE1-ONE", document="001", verdict="INCONSISTENT"))
CROSS = claim("XD-ONE", document="000 + 001", kind="internal")


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=VERDICTS.names).astype({"rows": "int32"})


def page(*rows: dict[str, Any], facts: dict[str, str] = FACTS, figures: dict[str, bytes] | None = None) -> str:
    return claims_page.page(frame(*(rows or (*CLAIMS, CROSS))), figures or {}, DOCUMENTS, facts, TEMPLATES)


def article(text: str, name: str) -> str:
    found = re.search(rf'<article class="claim" id="{name}".*?</article>', text, re.DOTALL)
    assert found is not None
    return found[0]


def words(text: str) -> str:
    """What a reader sees of some HTML, on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


class Tags(HTMLParser):
    """Counts open tags and attributes, and what is not closed."""

    EMPTY = ("meta", "link", "input", "img", "br", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert tags.open == []
    return tags


# What stands in the page


def test_every_claim_is_there_with_all_that_its_row_says() -> None:
    text = page(figures={"forest": FIGURE})
    assert re.findall(r'<article class="claim" id="([^"]+)"', text) == ["LE0-ONE", "LE0-TWO", "LE1-ONE", "XD-ONE"]
    seen = words(article(text, "LE0-TWO"))
    for wanted in (
        "≈ TOO SMALL empirical §1 LE0-TWO",
        "A claim Because.",
        "Reported result 0.5",
        "Recomputed low 0.45",
        "Decided by Figure forest : Learned encoding minus autoencoder, with the equivalence band",
        "Comparisons cell: learned - autoencoder",
        "Rests on 1,234 rows of the result tables",
        "Decision rule smaller than the margin",
        "Rule fixed before the run",
        "Rule quotient {numerator: '1'}",
    ):
        assert wanted in seen
    assert "Decided by the check itself Rests on 2 numbers as printed Check quotient" in words(article(text, "LE0-ONE"))
    assert "000 + 001 · §1" in words(article(text, "XD-ONE"))


def test_the_page_is_well_formed_and_its_ids_are_unique() -> None:
    tags = parsed(page(figures={"forest": FIGURE, "power": FIGURE}))
    ids = [value for _, name, value in tags.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    inside = {value[1:] for tag, name, value in tags.attributes if (tag, name) == ("a", "href") and value[0] == "#"}
    assert {"LE0-ONE", "figure-forest", "claims"} <= inside
    assert inside <= set(ids)


def test_no_attribute_names_an_address_or_runs_something() -> None:
    for tag, name, value in parsed(page(figures={"forest": FIGURE})).attributes:
        assert not name.startswith("on"), (tag, name)
        assert name != "style", (tag, name)
        if name in ("href", "src"):
            assert value.startswith(("#", "?", "data:")), (tag, name, value)


def test_the_policy_names_the_style_and_the_script_inside_by_their_digests() -> None:
    text = page()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    rules = html.unescape(policy[1])
    assert rules.startswith("default-src 'none'; ")
    assert "unsafe" not in rules
    for tag in ("style", "script"):
        [inside] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert inside == TEMPLATES[f"claims.{'css' if tag == 'style' else 'js'}"]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in rules


@pytest.mark.parametrize("column", ["section", "paraphrase", "reason", "check", "decided_by", "decision", "fixed"])
@pytest.mark.parametrize("hostile", ["</script><script>x()</script>", '"><img src=x onerror=x()>', "{{ 7*7 }} & <b>"])
def test_hostile_text_stays_text(column: str, hostile: str) -> None:
    text = page(claim("LE0-ONE", **{column: hostile}))
    assert html.escape(hostile, quote=False).replace('"', "&#34;") in text
    assert {tag for tag, _, _ in parsed(text).attributes}.isdisjoint({"img", "b"})
    assert text.count("<script>") == 1


@pytest.mark.parametrize("column", ["reported", "recomputed", "parameters", "comparison"])
def test_hostile_names_and_values_stay_text(column: str) -> None:
    hostile = "</pre></td><script>x()</script>"
    text = page(claim("LE0-ONE", **{column: [hostile] if column == "comparison" else {hostile: [hostile]}}))
    parsed(text)
    assert text.count("<script>") == 1
    assert "&lt;script&gt;x()&lt;/script&gt;" in article(text, "LE0-ONE")


def test_titles_and_facts_are_escaped() -> None:
    text = page(facts=FACTS | {"device": "<b>fast</b>", "run": "<i>run</i>"})
    assert "First &lt;title&gt;" in text
    assert "&lt;b&gt;fast&lt;/b&gt;" in text
    assert "&lt;i&gt;run&lt;/i&gt;" in text


def test_the_matrix_and_the_filters_count_every_claim() -> None:
    text = page()
    matrix = re.search(r'<table class="matrix".*?</table>', text, re.DOTALL)
    assert matrix is not None
    cells = re.findall(r'class="pick v-([a-z-]+)" href="([^"]*)" aria-label="(\d+) ', matrix[0])
    assert [(verdict, html.unescape(link), int(number)) for verdict, link, number in cells] == [
        ("consistent", "?document=000&kind=arithmetic&verdict=consistent", 1),
        ("too-small", "?document=000&kind=empirical&verdict=too-small", 1),
        ("inconsistent", "?document=001&kind=arithmetic&verdict=inconsistent", 1),
        ("consistent", "?document=cross&kind=internal&verdict=consistent", 1),
        ("consistent", "?kind=arithmetic&verdict=consistent", 1),
        ("inconsistent", "?kind=arithmetic&verdict=inconsistent", 1),
        ("consistent", "?kind=internal&verdict=consistent", 1),
        ("too-small", "?kind=empirical&verdict=too-small", 1),
    ]
    options = re.findall(r'name="(\w+)" value="([^"]+)".*?class="count">(\d+)<', text)
    for key in ("document", "kind", "verdict"):
        assert sum(int(number) for name, _, number in options if name == key) == 4
    assert ("kind", "scope", "0") in options
    assert [value for name, value, _ in options if name == "verdict"] == ["consistent", "inconsistent", "too-small"]


def test_the_bar_is_filled_from_end_to_end() -> None:
    made = claims_page.bar({"CONSISTENT": 1, "PARTLY": 2, "REFUTED": 4})
    assert [name for name, _, _ in made] == ["CONSISTENT", "PARTLY", "REFUTED"]
    assert made[0][1] == 0
    for (_, left, width), (_, following, _) in zip(made, [*made[1:], ("", 100, 0)], strict=True):
        assert left + width == pytest.approx(following, abs=0.002)


def test_every_verdict_has_a_sign_and_a_meaning() -> None:
    assert tuple(claims_page.MEANINGS) == OF_CHECKS + OF_RULES
    text = page()
    for name, (sign, meaning) in claims_page.MEANINGS.items():
        assert f"{sign} {name} {meaning}" in words(text)
        assert f".v-{claims_page.slug(name)}" in TEMPLATES["claims.css"]
    for family in (OF_CHECKS, OF_RULES):  # within a claim's own kind no two verdicts look alike
        assert len({claims_page.MEANINGS[name][0] for name in family}) == len(family)


# Numbers and names


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.224394513597, "0.224395"),
        (2.0, "2"),
        (-0.0130001, "-0.0130001"),
        (9999, "9999"),
        (12345, "12,345"),
        (1234567.89, "1,234,567.9"),
        (1.23456789e-7, "1.23457e-07"),
        (1e30, "1e+30"),
        (True, "yes"),
        (None, "none"),
        ([], "none"),
        ([1, 2.5, "x"], "1, 2.5, x"),
        ({"a": 1, "b": [2]}, "a: 1; b: 2"),
        ("0.50", "0.50"),
        ("nan", "nan"),
    ],
)
def test_numbers_are_shown_in_six_digits_and_text_as_printed(value: Any, text: str) -> None:
    assert claims_page.shown(value) == text


def test_names_of_values_are_words() -> None:
    assert claims_page.pairs({"p_value": 0.5, "2.p, sd": 1}) == [("p value", "0.5"), ("p, sd (part 2)", "1")]


@pytest.mark.parametrize(
    ("decided_by", "found"),
    [
        ("check", []),
        ("none", []),
        ("forest", [("Figure", "forest", "figure-forest")]),
        ("seeds", [("Figure", "seeds", "")]),  # a figure that is not in the page
        ("power", [("Table", "power", ""), ("Figure", "power", "figure-power")]),
        ("signal, forest", [("Table", "signal", ""), ("Figure", "forest", "figure-forest")]),
        ("row 3, somewhere", [("", "row 3, somewhere", "")]),
    ],
)
def test_what_decides_is_named_and_linked(decided_by: str, found: list[tuple[str, str, str]]) -> None:
    made = claims_page.sources(decided_by, {"forest": FIGURE, "power": FIGURE})
    assert [(source["kind"], source["name"], source["anchor"]) for source in made] == found


def test_parameters_read_as_in_the_registry() -> None:
    parameters = {"values": [{"value": "0.50", "where": "§2"}], "n": "n", "least": 0.2, "x": None}
    text = claims_page.written(parameters)
    assert yaml.safe_load(text) == parameters
    assert "{value: '0.50', where: §2}" in text


# Figures and facts


def test_a_figure_is_an_image_with_its_size_and_the_claims_it_decides() -> None:
    text = page(figures={"forest": FIGURE})
    found = re.search(r'<details class="drawing" data-claims="LE0-TWO">.*?</details>', text, re.DOTALL)
    assert found is not None
    assert f'src="data:image/svg+xml;base64,{base64.b64encode(FIGURE).decode()}" width="96" height="48"' in found[0]
    assert '<a href="#LE0-TWO">LE0-TWO</a>' in found[0]
    assert "<svg" not in found[0]


def test_a_complete_run_says_nothing_of_parts() -> None:
    assert "Partial run" not in page()


def test_a_partial_run_says_what_is_missing() -> None:
    seen = words(page(facts=FACTS | {"missing": "cramming"}))
    assert "Partial run. It has no results of cramming" in seen
    assert "missing:" not in seen


def test_claims_without_a_verdict_are_named() -> None:
    assert "Partial run. 3 of 4 claims have a verdict; missing: XD-ONE." in words(page(*CLAIMS))


def test_the_facts_are_on_top() -> None:
    before = page().partition("<main>")[0]
    for text in FACTS.values():
        assert text in before


# What is refused


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([CLAIMS[0], CLAIMS[0]], "LE0-ONE: the id is there 2 times"),
        ([claim("LE0-THREE")], "LE0-THREE: no document has the id"),
        ([claim("LE0-ONE", document="005")], "LE0-ONE: document: found '005', expected one of 000, 001, cross"),
        ([claim("LE0-ONE", kind="other")], f"LE0-ONE: kind: found 'other', expected one of {', '.join(KINDS)}"),
        ([claim("LE0-ONE", verdict="GOOD")], "LE0-ONE: verdict: found 'GOOD', expected one of CONSISTENT,"),
    ],
)
def test_a_row_that_has_no_place_is_refused(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        page(*rows)


def test_facts_are_all_given_and_all_shown() -> None:
    with pytest.raises(TemplateError, match=r"without a value: \['device'\]; .* not show: \['gpu'\]"):
        page(facts={name: text for name, text in FACTS.items() if name != "device"} | {"gpu": "none"})


def test_a_figure_without_a_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"^figure forest: found no SVG with a viewBox"):
        page(figures={"forest": b"<html></html>"})


def test_a_script_that_ends_its_own_tag_is_refused() -> None:
    templates = TEMPLATES | {"claims.js": "const end = '</SCRIPT>';"}
    with pytest.raises(TemplateError, match="end tag"):
        claims_page.page(frame(*CLAIMS), {}, DOCUMENTS, FACTS, templates)


# The file


def write(folder: Path, rows: pd.DataFrame, **changes: Any) -> Path:
    results.write(folder / "verdicts.parquet", results.table(rows, VERDICTS))
    files = [folder / name / "document.yaml" for name in FILES]
    for file, content in zip(files, FILES.values(), strict=True):
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump(content))
    (folder / "forest.svg").write_bytes(FIGURE)
    given = {
        "verdicts": str(folder / "verdicts.parquet"),
        "figures": {"forest": str(folder / "forest.svg")},
        "documents": [str(file) for file in files],
        "facts": FACTS,
        "output": str(folder / "claims.html"),
        "template_folder": str(FOLDER),
    }
    claims_page.write_page(**{**given, **changes})
    return folder / "claims.html"


def test_the_file_is_the_page_and_the_same_each_time(tmp_path: Path) -> None:
    first = write(tmp_path, frame(*CLAIMS, CROSS)).read_bytes()
    assert first.decode() == page(figures={"forest": FIGURE})
    assert write(tmp_path, frame(*CLAIMS, CROSS)).read_bytes() == first


def test_a_failure_names_the_file_and_leaves_no_page(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"verdicts.parquet: LE0-THREE: no document has the id"):
        write(tmp_path, frame(claim("LE0-THREE")))
    with pytest.raises(InputError, match=r"absent.svg: cannot be read: No such file"):
        write(tmp_path, frame(*CLAIMS), figures={"forest": str(tmp_path / "absent.svg")})
    assert not list(tmp_path.glob("*claims.html*"))


def test_a_rule_that_does_not_count_as_fixed_before_says_why() -> None:
    late = claim("LE0-ONE", **RULE) | {"fixed": "after the run", "unfrozen": "the run's seed is 42, not 7"}
    assert "<dd>after the run: the run&#39;s seed is 42, not 7</dd>" in page(late)
    assert "<dd>before the run</dd>" in page(late | {"fixed": "before the run", "unfrozen": ""})


def test_what_decides_and_what_is_quoted_is_shown_as_text() -> None:
    row = claim("LE0-ONE", basis="the public code", quotes={"Section <1>": "learned & <b>kept</b>"})
    shown = claims_page.entry(row, {})
    assert shown["basis"] == "the public code" and shown["quotes"] == [("Section <1>", "learned & <b>kept</b>")]
    text = page(row)
    assert "<q>learned &amp; &lt;b&gt;kept&lt;/b&gt;</q> (Section &lt;1&gt;)" in text
    assert "2 numbers as printed; decided by the public code" in text
