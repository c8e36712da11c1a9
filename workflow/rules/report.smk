# PURPOSE  The paper-ready report, and a page to search the verdicts.
# INPUTS   the result tables, the verdicts, results/tables/*.typ, results/figures/*.pdf, workflow/report/report.typ
# OUTPUTS  results/report.pdf, with its filled source and its config; results/verdicts.html
# STEPS    compute and fill in the values of all placeholders of the template, compile with Typst


rule report:
    input:
        **VIEWED,
        verdicts="results/verdicts.parquet",
        tables=TABLES,
        figures=rules.figures.output.pdf,
        corpus=CORPUS_RECORD,
        template=source("workflow/report/report.typ"),
        chapters=[source(f"workflow/report/{chapter}.typ") for chapter in ("verdicts", "audit", *STUDIES)],
        documents=DOCUMENTS,
        published=PRINTED,
        titles=TITLES,
        frozen=source(frozen.FILE.as_posix()),
        code=code_of("report", "provenance"),  # the report prints the commit, which provenance finds
    output:
        pdf=report("results/report.pdf", category="Report", caption="../report/report.rst"),
        source="results/report.typ",
        config="results/config.yaml",
    log:
        "logs/report.log",
    localrule: True
    params:
        code=content("report"),
        tables=list(VIEWED),
        studies=STUDIES,
        corpus=corpus_caption,
        config=canonical(config),
        command="snakemake --cores all all",
    message:
        "Writing the report"
    script:
        "../scripts/report.py"


# One file that needs no network and also shows the figures.
rule claims_page:
    input:
        verdicts="results/verdicts.parquet",
        arms="results/arms.parquet",
        corpus=CORPUS_RECORD,
        documents=DOCUMENTS,
        figures=FIGURES,
        titles=TITLES,
        templates=[source(f"workflow/report/claims.{suffix}") for suffix in ("html", "css", "js")],
        code=code_of("claims_page", "provenance"),
    output:
        page=report("results/verdicts.html", category="Verdicts", caption="../report/verdicts.rst"),
    log:
        "logs/claims_page.log",
    localrule: True
    params:
        code=content("claims_page"),
        corpus=corpus_caption,
        config=canonical(config),
    message:
        "Writing the page of verdicts"
    script:
        "../scripts/claims_page.py"
