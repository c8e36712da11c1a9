"""The paper of the shipped rows: every number has its rows, prose has no other, and a run may lack any study."""

import csv
import io
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.unit import views
from tokentrial import documents
from tokentrial.errors import InputError
from tokentrial.report import advice, answers, document
from tokentrial.report.formats import number
from tokentrial.report.paper import lint, trace
from tokentrial.report.paper.context import COUNTED, Printed
from tokentrial.report.verdicts import read
from tokentrial.run.view import View

ROOT = views.ROOT
SHIPPED = ROOT / "results/reference"
TRANSFORMER = "language_models/transformer/done-right/bpe"
STUDIES = ("learned_encoding", "language_models", "bespoke", "cramming", "real_model")
FRAME = str(ROOT / "workflow/report/paper/paper.typ")


def made(*studies: str) -> tuple[str, list[Printed]]:
    """The paper's source and numbers."""
    rest = (
        FRAME,
        studies,
        views.PRINTED,
        views.shipped_config(),
        "snakemake all",
        str(ROOT / documents.FOLDER / "rules.json"),
    )
    source, numbers, _ = document.paper_source(views.shipped(), str(SHIPPED / "verdicts.parquet"), *rest)
    return source, numbers


@pytest.fixture(scope="module")
def paper() -> tuple[str, list[Printed]]:
    return made(*STUDIES)


def test_every_number_agrees_with_its_rows(paper: tuple[str, list[Printed]], tmp_path: Path) -> None:
    """Read again from the Parquet files, by a reader that knows nothing of what wrote the numbers."""
    _, numbers = paper
    for table in SHIPPED.glob("*.parquet"):
        (tmp_path / table.name).symlink_to(table)
    (tmp_path / trace.FILE).write_text(document.numbers_file(numbers))
    traced, others = trace.trace(tmp_path)
    assert [each for each in traced if not each.agrees] == []
    assert len(traced) > 500 and len(traced) + others == len(numbers)


def test_a_number_that_is_not_in_the_rows_is_seen(tmp_path: Path) -> None:
    name, difference = pd.read_parquet(SHIPPED / "statistics.parquet")[["comparison", "difference"]].iloc[0]
    (tmp_path / "statistics.parquet").symlink_to(SHIPPED / "statistics.parquet")
    known = [
        Printed(number(difference, 4), f"statistics › {name} › difference", difference),
        Printed("9", f"statistics › {name} › n", 9.0),
    ]
    lost = Printed("1.0", "statistics › none:cross_entropy:a-b › difference", 1.0)
    (tmp_path / trace.FILE).write_text(document.numbers_file([*known, lost]))
    assert [each.agrees for each in trace.trace(tmp_path)[0]] == [True, False, False]
    with pytest.raises(InputError, match="expected the paper's numbers"):
        trace.trace(tmp_path / "nowhere")


def test_every_marked_number_is_in_the_list(paper: tuple[str, list[Printed]]) -> None:
    source, numbers = paper
    marked = re.findall(r'#n\("([^"]+)"\)\[([^\]]*)\]', source)
    listed = {(one.place, one.text) for one in numbers}
    assert marked and set(map(tuple, marked)) <= listed
    rows = list(csv.DictReader(io.StringIO(document.numbers_file(numbers))))
    assert [row["printed"] for row in rows] == [one.text for one in numbers]
    assert all(one.place.startswith(COUNTED) or one.place.count(" › ") == 2 for one in numbers)


@pytest.mark.parametrize("left", [*STUDIES, "all"])
def test_a_run_without_a_study_has_the_other_sections(left: str) -> None:
    kept = [study for study in STUDIES if left not in (study, "all")]
    source, _ = made(*kept)
    for section, (study, _values) in document.OF_STUDIES.items():
        heading = re.search(r"^= .*$", (Path(FRAME).parent / f"{section}.typ").read_text(), re.MULTILINE)
        assert heading is not None and (heading[0] in source) == (study in kept)
    assert "{{" not in source


def test_the_prose_keeps_the_house_rules() -> None:
    assert lint.prose(Path(FRAME).parent) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Over 17 seeds.", "17"),
        ("It is +- wide.", "+-"),
        ("The color of it.", "color"),
        ("From -0.3 on.", "-0.3"),
        ("We optimize.", "optimize"),
    ],
)
def test_what_breaks_a_house_rule_is_named(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "section.typ").write_text(f"= Head\n\n{text}\n")
    [fault] = lint.prose(tmp_path)
    assert fault.startswith("section.typ:3: ") and said in fault


# The answer card


def card(verdicts: pd.DataFrame | None = None) -> list[answers.Answer]:
    view = View.read(views.shipped(), 0.95)
    found = read(SHIPPED / "verdicts.parquet") if verdicts is None else verdicts
    return answers.answers(found, view, documents.places(ROOT / documents.FOLDER))


def test_the_card_has_the_verdicts_of_its_claims() -> None:
    judged = read(SHIPPED / "verdicts.parquet").set_index("id")["verdict"]
    rows = card()
    assert 20 <= len(rows) <= 30 and {row.document for row in rows} == {"000", "001", "002", "003", "004"}
    for row in rows:
        for ids, verdict, share in (
            (row.printed_ids, row.printed, row.printed_share),
            (row.run_ids, row.run, row.run_share),
        ):
            mine = list(judged[list(ids)])
            assert mine.count(verdict) == (int(share.split()[0]) if share else len(mine))
        assert bool(row.run) == bool(row.run_ids) and bool(row.printed) == bool(row.printed_ids)


def test_a_card_with_an_unknown_claim_or_key_is_refused(tmp_path: Path) -> None:
    for text, said in (
        ("claims:\n  - statement: x\n    runs: [LE0-RQQ]\n", "unknown key 'LE0-RQQ': did you mean 'LE0-RQ'"),
        ("claims:\n  - statement: x\n    run: [LE0-RQ]\n", "claims.0.run: found ['LE0-RQ'], expected statement"),
        ("claims: []\n", "claims: found []"),
    ):
        folder = tmp_path / str(abs(hash(text))) / "000"
        folder.mkdir(parents=True)
        for file in ("document.yaml", "claims.yaml"):
            (folder / file).symlink_to(ROOT / "documents/000" / file)
        (folder / documents.ANSWERS).write_text(text)
        with pytest.raises(InputError) as error:
            answers.answers(read(SHIPPED / "verdicts.parquet"), View.read(views.shipped(), 0.95), {"000": folder})
        assert said in str(error.value) and "\n" not in str(error.value)


def test_a_document_without_a_card_shows_its_first_empirical_claims(tmp_path: Path) -> None:
    (tmp_path / "003").mkdir()
    for file in ("document.yaml", "claims.yaml"):
        (tmp_path / "003" / file).symlink_to(ROOT / "documents/003" / file)
    verdicts = read(SHIPPED / "verdicts.parquet")
    rows = answers.answers(verdicts, View.read(views.shipped(), 0.95), {"003": tmp_path / "003"})
    first = verdicts[(verdicts["document"] == "003") & (verdicts["kind"] == "empirical")]["id"].head(5)
    assert [row.run_ids[0] for row in rows] == list(first)


def card_lines(paper: tuple[str, list[Printed]]) -> dict[str, str]:
    """The claim of each row of the card -> the rest of the row, without markup of numbers and colours."""
    source, _ = paper
    rest = source.partition("*Margin*")[2]
    body = re.sub(r'#n\("[^"]*"\)\[([^\]]*)\]/\*\*/', r"\1", rest.partition("caption: [The answer card")[0])
    rows = [line.strip().strip(",") for line in body.splitlines() if line.strip().startswith("[")]
    return {row[1:].partition("], [")[0]: row for row in rows}


def test_the_card_says_against_which_baseline_a_claim_holds(paper: tuple[str, list[Printed]]) -> None:
    """Better than the frozen autoencoder and not than the fine-tuned one, with both differences."""
    statistics = pd.read_parquet(SHIPPED / "statistics.parquet").set_index("comparison")
    row = card_lines(paper)["They outperform them for vocabularies of 50 to 1,000"]
    start = "learned_encoding/vocabulary/done-right/v100:cross_entropy:learned-autoencoder"
    frozen, tuned = statistics.loc[start], statistics.loc[f"{start}_finetuned"]
    assert not frozen["equivalent"] and frozen["p_holm"] < 0.05 <= tuned["p_holm"]
    said = f"V = 100: holds against the frozen autoencoder, {number(frozen['difference'], 3, signed=True)}"
    assert said in row and f"not the fine-tuned one, {number(tuned['difference'], 3, signed=True)}" in row
    inside = card_lines(paper)["Learned encodings outperform autoencoders at 2:1 to 32:1"]
    assert "8:1: inside the margin against the frozen autoencoder" in inside and "(frozen baseline)" in inside


def test_the_card_says_whether_training_on_text_was_equal(paper: tuple[str, list[Printed]]) -> None:
    lines = card_lines(paper)
    unequal = lines["8:1 compression with maintained performance is validated"]
    statistics = pd.read_parquet(SHIPPED / "statistics.parquet").set_index("comparison")
    half, more = (
        number(statistics.loc[f"{TRANSFORMER}:cross_entropy:{arm}-8-autoencoder-8", "difference"], 3, signed=True)
        for arm in ("learned", "learned_twice")
    )
    said = rf"{re.escape(half)} \\\[.*\\\] \(half the steps\), {re.escape(more)} .* \(twice the steps\)"
    assert re.search(said, unequal)
    assert "(as many steps)" in lines["Language models gain memory and are trained better"]


def test_the_card_has_margins_of_differences_and_of_levels() -> None:
    rows = {row.statement: row for row in card()}
    assert rows["Compression costs no performance"].margin == "0.001"
    assert rows["Larger models hold longer texts"].margin == "> 1"
    assert rows["Capacity grows almost linearly with the number of vectors"].margin == "[0.7, 1.3]"
    assert rows["Widths by frequency are up to 24 times better"].margin == ""  # a ratio; its margin is one of losses


def test_the_verdicts_of_the_abstract_add_up(paper: tuple[str, list[Printed]]) -> None:
    numbers = {one.place: one.value for one in paper[1]}
    parts = [numbers[f"{COUNTED}: claims {word}"] for word in ("CONSISTENT", "PARTLY", "INCONSISTENT", "NOT CHECKABLE")]
    assert sum(parts) == numbers[f"{COUNTED}: claims that are not empirical"]


def test_every_figure_and_table_of_the_paper_is_cited(paper: tuple[str, list[Printed]]) -> None:
    """But for the figure of the appendix on the pretrained model, whose section is its text."""
    source, _ = paper
    labels = {f"figure-{name}" for name in re.findall(r'#plot\("([^"]+)"', source)}
    labels |= set(re.findall(r"^\) <([\w-]+)>", source, re.MULTILINE))
    cited = set(re.findall(r"(?<![\w])@([\w-]+)", source))
    assert len(labels) >= 15 and labels - cited <= {"figure-real-model-front"}


# The advice


def test_advice_follows_from_intervals() -> None:
    view = View.read(views.shipped(), 0.95)
    pieces = advice.advice(view)
    assert pieces and all(piece.evidence for piece in pieces)
    text = advice.markdown(pieces, view)
    for piece in pieces:
        assert f"- **{piece.text}**" in text
        for each in piece.evidence:
            assert (each.row["comparison"] if each.row else each.apart[0]) in text


def test_advice_about_four_bits_compares_both_uses() -> None:
    view = View.read(views.shipped(), 0.95)
    [piece] = [each for each in advice.advice(view) if "four bits" in each.text]
    rows = [view.difference_on("test", *each.apart) for each in piece.evidence]
    tied = [view.condition(each.apart[0]).tied for each in piece.evidence]
    assert piece.condition and set(tied) == {False, True}
    low = min(row["low"] for row, shared in zip(rows, tied, strict=True) if shared)
    assert low > max(row["high"] for row, shared in zip(rows, tied, strict=True) if not shared)


def test_advice_names_what_a_code_costs_beside_what_it_saves() -> None:
    view = View.read(views.shipped(), 0.95)
    [piece] = [each for each in advice.advice(view) if "rare tokens" in each.text]
    assert {each.row["arm_b"] for each in piece.evidence} == {"bands_uniform", "full"}


def test_without_rows_there_is_no_advice() -> None:
    view = View.read(views.shipped(), 0.95).only("nothing")
    assert advice.advice(view) == []
    assert "no comparison" in advice.markdown([], view)


def test_the_citation_file_names_title_and_authors() -> None:
    cited = yaml.safe_load((ROOT / document.CITATION).read_text())
    values = document.citation(ROOT)
    assert values["paper.title"] == cited["preferred-citation"]["title"]
    assert all(author["name"] in values["paper.byline"] for author in cited["preferred-citation"]["authors"])
