# PURPOSE  The report's tables: printed numbers of the documents beside measured ones, and full listings.
# INPUTS   results/{runs,arms,summary,statistics,verdicts}.parquet, documents/<id>/printed.yaml
# OUTPUTS  results/tables/<name>.{csv,md,tex,typ}: raw values, Markdown, LaTeX (booktabs), Typst
# STEPS    select rows by the columns of their conditions, format every number once, write every format

TABLE_NAMES = [*catalogue.verdict_tables(), *catalogue.tables_of(STUDIES)]
TABLES = [f"results/tables/{name}.{suffix}" for name in TABLE_NAMES for suffix in ("csv", "md", "tex", "typ")]


rule tables:
    input:
        **VIEWED,
        verdicts="results/verdicts.parquet",
        documents=DOCUMENTS,
        sensitivity="results/sensitivity.parquet",
        published=PRINTED,
        titles=TITLES,
        code=code_of("tables"),
    output:
        csv=[
            report(
                f"results/tables/{name}.csv",
                category="Tables",
                subcategory=name.split("-")[0],
                labels={"table": name},
                caption="../report/table.rst",
            )
            for name in TABLE_NAMES
        ],
        shown=[path for path in TABLES if not path.endswith(".csv")],
    log:
        "logs/tables.log",
    localrule: True
    params:
        **JUDGING_PARAMS,
        code=content("tables"),
        tables=list(VIEWED),
        studies=STUDIES,
        corpus=corpus_caption,
    message:
        "Writing the tables"
    script:
        "../scripts/tables.py"
