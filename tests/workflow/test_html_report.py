"""Snakemake's own report of a run with every study: opened in a browser, with the captions that were applied."""

import html
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from site_pages import CHROMIUM
from small_project import Project, copied

from tokentrial import config as settings
from tokentrial import results
from tokentrial.report.catalogue import STUDIES, figures_of, study_title, tables_of, verdict_figures, verdict_tables
from tokentrial.report.catalogue import captions as captions_of

if CHROMIUM is None:
    pytest.skip("Snakemake's report needs a browser: none found", allow_module_level=True)

FILES = "Object.entries(results).map(([path, file]) => [path, file.caption])"


@pytest.mark.slow
def test_the_html_report_has_every_file_with_its_caption(
    every_study: Project, browser: Browser, tmp_path: Path
) -> None:
    project = copied(every_study, tmp_path)
    project.build("--report", "report.html", "all")
    page = browser.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto((project.folder / "report.html").as_uri())
    captions: dict[str, str] = {path: " ".join(caption.split()) for path, caption in page.evaluate(FILES)}
    figures = [f"results/figures/{name}.svg" for name in (*figures_of(STUDIES), *verdict_figures())]
    tables = [f"results/tables/{name}.csv" for name in (*tables_of(STUDIES), *verdict_tables())]
    assert set(captions) == {*figures, *tables, "results/report.pdf"}
    assert [path for path, caption in captions.items() if not caption or "{{" in caption or "{%" in caption] == []
    config: dict[str, Any] = project.config()
    for name, text in captions_of(STUDIES, "WikiText-2", settings.judging(config)).items():
        shown = html.unescape(re.sub("<[^>]+>", "", captions[f"results/figures/{name}.svg"])).strip()
        assert shown == re.sub(r"\\(.)", r"\1", text), name  # its own, not that of another figure of the job
    statistics = results.read(project.folder / "results/statistics.parquet").to_pandas()
    of_text = (statistics["study"] == "language_models") & (statistics["metric"] == "cross_entropy")
    (nats,) = set(statistics.loc[of_text, "margin"])
    for name in ("language-models-pareto", "language-models-ratio"):
        assert f"{nats:g} nats" in captions[f"results/figures/{name}.svg"]
    share = f"equivalence margin, {100 * config['statistics']['equivalence_margin']:g} % of the distance"
    assert share in captions["results/figures/forest.svg"]
    page.get_by_text("Figures", exact=True).first.click()
    for study in STUDIES:  # as the plan calls them, which does not know the text
        expect(page.get_by_text(study_title(study), exact=True).first).to_be_visible()
    assert faults == []
    page.close()
