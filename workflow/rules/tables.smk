# PURPOSE  The report's tables: what the documents print beside what was measured, and full listings.
# INPUTS   results/{runs,arms,summary,statistics,verdicts}.parquet, config/published/<study>.yaml
# OUTPUTS  results/tables/<name>.{csv,md,tex,typ}: raw values, Markdown, LaTeX (booktabs), Typst
# STEPS    look each row up by the condition's specification, format every number once, write every format

PUBLISHED = [source(f"config/published/{study}.yaml") for study in STUDIES]
TABLE_NAMES = [*catalogue.VERDICT_TABLES, *catalogue.tables_of(STUDIES)]
TABLES = [f"results/tables/{name}.{suffix}" for name in TABLE_NAMES for suffix in ("csv", "md", "tex", "typ")]
TABLE_MODULES = [
    *VIEW_MODULES,
    "seeds",
    *[f"report/{name}" for name in ("catalogue", "formats", "headline", "published")],
    *["report/verdicts", "report/tables/verdicts", "claims/verdict"],
    *["report/language_model_names", "statistics/pareto"],
    *["cramming/columns", "statistics/cramming", "statistics/cramming_scaling"],
    *[f"report/tables/cramming{part}" for part in ("", "_decided", "_listings", "_rows")],
    *["report/bespoke_results", "report/bespoke_trends", "encoders/layouts"],
    *[f"report/tables/bespoke_{name}" for name in ("listings", "parameters")],
    *[f"statistics/{name}" for name in ("attribution", "placement", "trend")],
    *[f"report/tables/{name}" for name in ("__init__", "rows", "listings", "seeds", "first_page")],
    *[f"report/tables/{name}" for name in ("learned_encoding", "language_models", "bespoke")],
    *[f"report/tables/language_models_{name}" for name in ("rows", "listings")],
    *[f"report/tables/document_{name}" for name in ("000", "001", "002")],
    *["report/tables/significance"],
    *[f"statistics/{name}" for name in ("comparison", "effect_size", "equivalence")],
    *[f"statistics/{name}" for name in ("hypothesis_tests", "intervals", "power")],
    *[f"statistics/{name}" for name in ("multiplicity", "samples", "superiority")],
    *["statistics/tables"],
    *[f"studies/released/{name}" for name in ("__init__", "cells", "context_free")],
    *[f"studies/released/{name}" for name in ("academic_validation", "corrected")],
    *[f"studies/released/{name}" for name in ("focused_scaling", "pure_python")],
    *["studies/released/python_stream"],
]


rule tables:
    input:
        **VIEWED,
        verdicts="results/verdicts.parquet",
        published=PUBLISHED,
        code=modules(*TABLE_MODULES),
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
        corpus=corpus_caption,
    message:
        "Writing the tables"
    script:
        "../scripts/tables.py"
