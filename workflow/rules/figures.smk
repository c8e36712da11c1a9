# PURPOSE  The figures of the report.
# INPUTS   the four result tables and config/published/learned_encoding.yaml
# OUTPUTS  results/figures/<figure>.pdf, .svg and .png for every figure of the catalogue
# STEPS    draw each figure; its caption is workflow/report/<figure>.rst

from tokentrial.report import catalogue

FIGURE_MODULES = (
    *("style", "cells", "levels", "documents", "draw", "by_ratio", "by_vocabulary"),
    *("forest", "learning_curves", "parameters", "power", "seeds"),
)
FIGURES = [f"results/figures/{figure}.svg" for figure in catalogue.FIGURES]


# One job, since loading the libraries takes longer than drawing a figure.
rule figures:
    input:
        runs="results/runs.parquet",
        arms="results/arms.parquet",
        summary="results/summary.parquet",
        statistics="results/statistics.parquet",
        published="config/published/learned_encoding.yaml",
        code=modules(
            *[f"report/figures/{module}" for module in FIGURE_MODULES],
            *["report/published", "config", "results", "seeds", "statistics/tables"],
            *["statistics/comparison", "statistics/effect_size", "statistics/power"],
            *["statistics/equivalence", "statistics/hypothesis_tests"],
            *["statistics/intervals", "statistics/multiplicity"],
            *["statistics/samples", "statistics/superiority"],
        ),
    output:
        pdf=[f"results/figures/{figure}.pdf" for figure in catalogue.FIGURES],
        png=[f"results/figures/{figure}.png" for figure in catalogue.FIGURES],
        svg=[
            report(
                f"results/figures/{figure}.svg",
                caption=f"../report/{figure}.rst",
                category="Figures",
                subcategory="Learned encoding",
                labels={"figure": title},
            )
            for figure, title in catalogue.FIGURES.items()
        ],
    log:
        "logs/figures.log",
    localrule: True
    params:
        confidence=config["statistics"]["confidence"],
    message:
        "Drawing the figures"
    script:
        "../scripts/figures.py"
