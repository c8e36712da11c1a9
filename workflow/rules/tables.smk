# PURPOSE  The report's tables: what the documents print beside what was measured, and full listings.
# INPUTS   results/{runs,arms,summary,statistics}.parquet, config/published/learned_encoding.yaml
# OUTPUTS  results/tables/<name>.{csv,md,tex,typ}: raw values, Markdown, LaTeX (booktabs), Typst
# STEPS    look each row up by the condition's specification, format every number once, write every format

from tokentrial.report import catalogue

TABLES = [
    f"results/tables/{name}.{suffix}"
    for name in catalogue.TABLES
    for suffix in ("csv", "md", "tex", "typ")
]


def as_cell(condition):
    """What tells a condition apart in a table: ratio, task model and data."""
    spec = CONDITIONS[condition]
    source = DATASETS[spec["dataset"]]["source"]["source"]
    kept = {name: spec[name] for name in ("way", "head", "dataset", "vocab_size")}
    return kept | {"ratio": spec["full_width"] // spec["width"], "source": source}


rule tables:
    input:
        runs="results/runs.parquet",
        arms="results/arms.parquet",
        summary="results/summary.parquet",
        statistics="results/statistics.parquet",
        published="config/published/learned_encoding.yaml",
        code=modules(
            *["report/formats", "report/published", "report/catalogue"],
            *["report/headline", "config", "results"],
            *[
                f"report/tables/{name}"
                for name in (
                    "__init__",
                    "rows",
                    "document_000",
                    "document_001",
                    "document_002",
                    "significance",
                    "listings",
                    "seeds",
                )
            ],
            *["statistics/tables", "statistics/effect_size", "statistics/power"],
            *["statistics/equivalence", "statistics/samples"],
            *[
                f"studies/released/{name}"
                for name in (
                    "academic_validation",
                    "corrected",
                    "focused_scaling",
                    "pure_python",
                    "context_free",
                )
            ],
        ),
    output:
        csv=[
            report(
                f"results/tables/{name}.csv",
                category="Tables",
                subcategory=name.split("-")[0],
                labels={"table": name},
                caption="../report/table.rst",
            )
            for name in catalogue.TABLES
        ],
        shown=[path for path in TABLES if not path.endswith(".csv")],
    log:
        "logs/tables.log",
    localrule: True
    params:
        cells=json.dumps({name: as_cell(name) for name in CONDITIONS}),
        settings=canonical(config["statistics"]),
    message:
        "Writing the tables"
    script:
        "../scripts/tables.py"
