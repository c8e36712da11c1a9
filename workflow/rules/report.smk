# PURPOSE  The paper-ready report.
# INPUTS   the result tables, results/tables/*.typ, results/figures/*.svg, workflow/report/report.typ
# OUTPUTS  results/report.pdf, with its filled source and the config it prints beside it
# STEPS    compute the values of the template's placeholders, fill them in strictly, compile with Typst


rule report:
    input:
        runs="results/runs.parquet",
        arms="results/arms.parquet",
        summary="results/summary.parquet",
        statistics="results/statistics.parquet",
        tables=TABLES,
        figures=rules.figures.output.pdf,
        template="workflow/report/report.typ",
        chapters=[f"workflow/report/{study}.typ" for study in STUDIES],
        published=PUBLISHED,
        code=[
            *modules(*TABLE_MODULES),
            *modules("report/document", "report/template", "report/deviations", "provenance", "report/bespoke_bands"),
            *modules(*[f"report/chapters/{study}" for study in catalogue.STUDIES]),
        ],
    output:
        pdf=report("results/report.pdf", category="Report", caption="../report/report.rst"),
        source="results/report.typ",
        config="results/config.yaml",
    log:
        "logs/report.log",
    localrule: True
    params:
        config=canonical(config),
        cells=canonical(CELLS),
    message:
        "Writing the report"
    script:
        "../scripts/report.py"
