# PURPOSE  The figures of the report.
# INPUTS   the four result tables and config/published/<study>.yaml
# OUTPUTS  results/figures/<figure>.pdf, .svg and .png for every figure of the catalogue
# STEPS    draw each figure; its caption is workflow/report/<figure>.rst

FIGURE_MODULES = (
    *("style", "cells", "levels", "documents", "draw", "by_ratio", "by_vocabulary"),
    *("forest", "learning_curves", "parameters", "power", "seeds"),
    *("sources", "learned_encoding", "wikitext2", "bespoke"),
    *[f"wikitext2_{figure}" for figure in ("pareto", "ratio", "curves", "mask")],
    *[f"bespoke_{figure}" for figure in ("arms", "released", "trained")],
)
FIGURES = [f"results/figures/{figure}.svg" for figure in catalogue.figures_of(STUDIES)]


# One job, since loading the libraries takes longer than drawing a figure.
rule figures:
    input:
        runs="results/runs.parquet",
        arms="results/arms.parquet",
        summary="results/summary.parquet",
        statistics="results/statistics.parquet",
        published=PUBLISHED,
        code=modules(
            *[f"report/figures/{module}" for module in FIGURE_MODULES],
            *["report/published", "report/catalogue", "config", "results", "seeds", "statistics/tables"],
            *["report/wikitext2_names", "statistics/pareto"],
            *[f"report/bespoke_{name}" for name in ("bands", "results", "trends")],
            *[f"statistics/{name}" for name in ("attribution", "placement", "trend")],
            *["statistics/comparison", "statistics/effect_size", "statistics/power"],
            *["statistics/equivalence", "statistics/hypothesis_tests"],
            *["statistics/intervals", "statistics/multiplicity"],
            *["statistics/samples", "statistics/superiority"],
        ),
    output:
        pdf=[f"results/figures/{figure}.pdf" for figure in catalogue.figures_of(STUDIES)],
        png=[f"results/figures/{figure}.png" for figure in catalogue.figures_of(STUDIES)],
        svg=[
            report(
                f"results/figures/{figure}.svg",
                caption=f"../report/{figure}.rst",
                category="Figures",
                subcategory=catalogue.STUDIES[study],
                labels={"figure": title},
            )
            for study in STUDIES
            for figure, title in catalogue.FIGURES[study].items()
        ],
    log:
        "logs/figures.log",
    localrule: True
    params:
        confidence=config["statistics"]["confidence"],
        cells=canonical(CELLS),
    message:
        "Drawing the figures"
    script:
        "../scripts/figures.py"
