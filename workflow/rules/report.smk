# PURPOSE  The paper, and the page of a study of one's own.
# INPUTS   the result tables, the verdicts, results/figures/*.svg, workflow/report/paper/
# OUTPUTS  results/report.pdf with its filled source, its numbers and its config; results/advice.md, study.html
# STEPS    compute and fill in the values of all placeholders of the sections, compile with Typst


SHIPPED_VERDICTS = "results/reference/verdicts.parquet"
PAPER = sorted(path.name for path in (ROOT / "workflow/report/paper").iterdir() if path.name != "paper.typ")


rule report:
    input:
        **VIEWED,
        verdicts="results/verdicts.parquet",
        tables=TABLES,
        calibration=rules.calibration.output.parquet,
        shipped=[source(file) for file in (SHIPPED_VERDICTS,) if (ROOT / file).is_file()],
        figures=rules.figures.output.svg,
        corpus=CORPUS_RECORD,
        template=source("workflow/report/paper/paper.typ"),
        sections=[source(f"workflow/report/paper/{name}") for name in PAPER],
        citation=source("CITATION.cff"),
        answers=ANSWERS,
        documents=DOCUMENTS,
        published=PRINTED,
        titles=TITLES,
        frozen=source(frozen.FILE.as_posix()),
        code=code_of("report", "provenance"),  # the report prints the commit, which provenance finds
    output:
        pdf=report("results/report.pdf", category="Report", caption="../report/report.rst"),
        source="results/report.typ",
        bibliography="results/references.bib",
        numbers="results/report.numbers.csv",
        advice="results/advice.md",
        config="results/config.yaml",
    log:
        "logs/report.log",
    localrule: True
    params:
        code=content("report"),
        tables=list(VIEWED),
        studies=STUDIES,
        corpus=corpus_caption,
        config=lambda wildcards: canonical(config),  # a function, since a title may hold what looks like a wildcard
        command="snakemake --cores all all",
    message:
        "Writing the paper"
    script:
        "../scripts/report.py"


# A study of one's own, made of one file, has this experiment (see own_study.overlay).
STUDY_PAGE = ["results/study.html"] if "study" in config["language_models"]["experiments"] else []


rule own_page:
    input:
        **VIEWED,
        verdicts="results/verdicts.parquet",
        documents=OWN_DOCUMENTS,
        corpus=CORPUS_RECORD,
        published=PRINTED,
        figures=FIGURES,
        titles=TITLES,
        template=source("workflow/report/study.html"),
        code=code_of("own_page"),
    output:
        page=report("results/study.html", category="Report", caption="../report/report.rst"),
    log:
        "logs/own_page.log",
    localrule: True
    params:
        **JUDGING_PARAMS,
        code=content("own_page"),
        tables=list(VIEWED),
    message:
        "Writing the page of the study"
    script:
        "../scripts/own_page.py"
