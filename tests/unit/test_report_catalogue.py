"""One entry for what a table or figure is called: all that show it take it from there."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest

from tokentrial.errors import InputError
from tokentrial.report import catalogue, catalogue_check

ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = {
    "confidence": 0.9,
    "equivalence_margin": 0.07,
    "margins": {"language_models": {"cross_entropy": 0.03}},
}
BESPOKE, VERDICTS = "studies/bespoke.yaml", "workflow/report/verdicts.yaml"
BUILDS = catalogue_check.TABLES
LEARNED, ENTRY = "studies/learned_encoding.yaml", "{title: A, caption: A., kind: verdicts}"
PRIMARY = "  bespoke-primary:\n"
EXTRA = "{title: A, kind: trend, columns: {}, notes: []}"
CHAPTER = "workflow/report/bespoke.typ"


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is read of the checkout."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in ("studies", "workflow/report", catalogue_check.TABLES):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def test_what_is_shipped_has_an_entry_each(read: Path) -> None:
    catalogue_check.check(SETTINGS)
    catalogue_check.check(SETTINGS, read)


def test_a_table_is_added_by_its_entry_alone(read: Path, tmp_path: Path) -> None:
    """The one of the docs: its chapter shows it at the end."""
    shutil.copytree(read, tmp_path / "copy")
    text = (ROOT / "docs/extending.md").read_text(encoding="utf-8").partition("## A table")[2]
    entry = text.partition("```yaml\ntables:\n")[2].partition("```")[0]
    path = tmp_path / "copy/studies/learned_encoding.yaml"
    path.write_text(path.read_text().replace("\ntables:  ", f"\ntables:\n{entry}  #", 1))
    catalogue_check.check(SETTINGS, tmp_path / "copy")
    assert "small-and-good" in catalogue.entries("learned_encoding", tmp_path / "copy").tables


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (BESPOKE, PRIMARY, f"  levels: {EXTRA}\n{PRIMARY}", "tables.levels: found a second entry"),
        (BESPOKE, "figures:\n", f"figures:\n  seeds: {ENTRY}\n", "figures.seeds: found a second entry"),
        (BESPOKE, "experiment: scaling}", "experimnt: scaling}", "bespoke-corpus.select: found the column 'experimnt'"),
        (BESPOKE, "cost: params_trained", "cost: params", "figures.bespoke-parameters.cost: found the column 'params'"),
        (LEARNED, "x: vocab_size", "x: size", "loss-by-vocabulary.experiments.vocabulary.x: found the column 'size'"),
        (BESPOKE, "of {confidence} t", "of {confidenc} t", "unknown key 'confidenc': did you mean 'confidence'?"),
        (BESPOKE, "  bespoke-seeds:\n", "  bespoke-seed:\n", "figures: key 'bespoke-seeds' is missing: did you mean"),
        (BESPOKE, "kind: trend", "kind: trends", "tables.bespoke-trend.kind: found 'trends', did you"),
        (BESPOKE, "select: {way: done-right}", "select: {way: done-rigth}", ".select.way: found 'done-rigth', did you"),
        (BESPOKE, "select: {way: done-right}", "select: {experiment: scalin}", ".experiment: found 'scalin', did"),
        (BESPOKE, "select: {way: done-right}", "select: {experimnt: x}", ".select: found 'experimnt', did you"),
        (VERDICTS, "  headline:\n", "  headlines:\n", "tables: key 'headline' is missing: did you mean 'headlines'? "),
        (VERDICTS, "\"verdicts-{document}\"", "verdicts-000", "tables: key 'verdicts-001' is missing"),
    ],
)  # fmt: skip
def test_an_entry_that_is_missing_or_too_many_is_named(
    read: Path, tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    shutil.copytree(read, tmp_path / "copy")
    text = (tmp_path / "copy" / file).read_text()
    assert old in text
    (tmp_path / "copy" / file).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as error:
        catalogue_check.check(SETTINGS, tmp_path / "copy")
    assert str(error.value).startswith(f"{file}: ") and said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_table_without_an_entry_has_no_title() -> None:
    assert catalogue.table_title("levels").startswith("Every arm done right")
    assert catalogue.table_title("verdicts-003") == "Document 003: every claim and its verdict"
    with pytest.raises(InputError, match=r"tables: unknown key 'level': did you mean 'levels'\?"):
        catalogue.table_title("level")


def test_captions_name_the_settings_and_the_text() -> None:
    texts = catalogue.captions(("learned_encoding", "language_models"), "A & B_", SETTINGS)
    named = [
        "verdict-matrix",
        "calibration",
        "sensitivity",
        "implied-p",
        *catalogue.figures_of(["learned_encoding", "language_models"]),
    ]
    assert list(texts) == named
    assert (
        r"margin\, 7 \% of the distance from chance" in texts["forest"] and r"are 90 \% t intervals" in texts["forest"]
    )
    assert r"test at level 0\.1 finds" in texts["power"]
    assert r"margin of 0\.03 nats\." in texts["language-models-pareto"]
    shown = [name for name, text in texts.items() if text.endswith(r" Real text\: A \& B\_\.")]
    assert shown == list(catalogue.figures_of(["language_models"]))
    assert not any("Real text" in text for text in catalogue.captions(catalogue.STUDIES, "", SETTINGS).values())
    assert str(texts) == f"{len(named)} texts"  # beside every figure of Snakemake's report


def test_the_one_template_renders_the_caption_of_each_file() -> None:
    """As Snakemake renders captions: file by file, all with the params of the one job, and two files of one name."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((ROOT / "workflow/report/figure.rst").read_text())
    job = SimpleNamespace(params=SimpleNamespace(captions={"b": "of b", "a": "of a", "c": "of c", "d": "of d"}))
    categories: dict[str, dict[str, list[Any]]] = {
        "Tables": {"x": [SimpleNamespace(path=Path("t.csv"), caption="a table")]},
        "Figures": {
            "x": [SimpleNamespace(path=Path("f/b.svg")), SimpleNamespace(path=Path("f/a.svg"))],
            "y": [SimpleNamespace(path=Path("f/d.svg")), SimpleNamespace(path=Path("other/a.svg"))],
            "z": [SimpleNamespace(path=Path("f/c.svg"))],
        },
    }
    for records in categories["Figures"].values():
        for record in records:
            record.caption = template.render(snakemake=job, categories=categories, files=[]).strip()
            assert record.caption == f"of {record.path.stem}"
