# PURPOSE  The run as a folder of pages that open without a server and without a network.
# INPUTS   the result tables, the verdicts, results/tables, results/figures/*.svg, the paper's numbers, workflow/report/site/
# OUTPUTS  results/site/, which starts at index.html; results/reference_report/site/ of the shipped rows
# STEPS    fill the pages from the run's own rows, titles and names; add the data of the explorer and Vega-Lite's bundle

SITE = [
    source(f"workflow/report/site/{path.name}")
    for path in sorted((ROOT / "workflow/report/site").iterdir())
    if path.suffix in (".html", ".css", ".js")
]


rule site:
    input:
        **VIEWED,
        verdicts="results/verdicts.parquet",
        tables=[path for path in TABLES if not path.endswith(".typ")],
        figures=FIGURES,
        corpus=CORPUS_RECORD,
        documents=DOCUMENTS,
        published=[*PRINTED, *CLAIMS],
        answers=ANSWERS,
        titles=TITLES,
        numbers=rules.report.output.numbers,
        templates=SITE,
        code=code_of("site", "provenance"),  # the start page says which commit judged
    output:
        folder=directory("results/site"),
    log:
        "logs/site.log",
    localrule: True
    params:
        **JUDGING_PARAMS,
        code=content("site"),
        tables=list(VIEWED),
        corpus=corpus_caption,
        config=canonical(config),
    message:
        "Writing the site"
    script:
        "../scripts/site.py"


use rule site as reference_site with:
    input:
        **moved(rules.site.input, JUDGED_AGAIN),
    output:
        folder=directory(f"{JUDGED_AGAIN}/site"),
    log:
        "logs/reference_site.log",
    params:
        config=lambda wildcards: canonical(judged_again()),
    message:
        "Writing the site of the shipped rows"
