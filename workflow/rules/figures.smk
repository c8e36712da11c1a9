# PURPOSE  The figures of the report.
# INPUTS   the four result tables, the verdicts and config/published/<study>.yaml
# OUTPUTS  results/figures/<figure>.pdf, .svg and .png for every figure of the catalogue
# STEPS    draw each figure; its caption is workflow/report/<figure>.rst

FIGURE_MODULES = (
    *("style", "conditions", "levels", "documents", "draw", "by_ratio", "by_vocabulary"),
    *("forest", "learning_curves", "parameters", "power", "seeds"),
    *("verdicts", "sources", "learned_encoding", "language_models", "bespoke"),
    *[f"language_models_{figure}" for figure in ("pareto", "ratio", "curves", "mask")],
    *[f"bespoke_{figure}" for figure in ("arms", "released", "trained")],
    *("cramming", *[f"cramming_{part}" for part in ("curves", "data", "entropy", "lengths", "scaling")]),
)
FIGURE_NAMES = [*catalogue.VERDICT_FIGURES, *catalogue.figures_of(STUDIES)]
FIGURES = [f"results/figures/{figure}.svg" for figure in FIGURE_NAMES]
# Figure -> what it belongs to, and its title.
FIGURE_TITLES = {figure: ("Verdicts", title) for figure, title in catalogue.VERDICT_FIGURES.items()} | {
    figure: (catalogue.study_title(study), title)
    for study in STUDIES
    for figure, title in catalogue.figures_of([study]).items()
}


# One job, since loading the libraries takes longer than drawing a figure.
rule figures:
    input:
        **VIEWED,
        verdicts="results/verdicts.parquet",
        published=PUBLISHED,
        code=modules(
            *VIEW_MODULES,
            *[f"report/figures/{module}" for module in FIGURE_MODULES],
            *["report/published", "report/catalogue", "config", "results", "seeds", "statistics/tables", "real_text"],
            *["report/verdicts", "claims/verdict"],
            *["cramming/cells", "cramming/columns", "statistics/cramming"],
            *["report/language_model_names", "statistics/pareto"],
            *[f"report/bespoke_{name}" for name in ("bands", "results", "trends")],
            *[f"statistics/{name}" for name in ("attribution", "placement", "trend")],
            *["statistics/comparison", "statistics/effect_size", "statistics/power"],
            *["statistics/equivalence", "statistics/hypothesis_tests"],
            *["statistics/intervals", "statistics/multiplicity"],
            *["statistics/samples", "statistics/superiority"],
        ),
    output:
        pdf=[f"results/figures/{figure}.pdf" for figure in FIGURE_NAMES],
        png=[f"results/figures/{figure}.png" for figure in FIGURE_NAMES],
        svg=[
            report(
                f"results/figures/{figure}.svg",
                caption=f"../report/{figure}.rst",
                category="Figures",
                subcategory=part,
                labels={"figure": title},
            )
            for figure, (part, title) in FIGURE_TITLES.items()
        ],
    log:
        "logs/figures.log",
    localrule: True
    params:
        code=content("figures"),
        tables=list(VIEWED),
        corpus=corpus_caption,
        confidence=JUDGING["confidence"],
        margin_share=JUDGING["equivalence_margin"],
        margin_nats=JUDGING["margins"]["language_models"]["cross_entropy"],
        predict_first=config["cramming"]["predict_first"],
    message:
        "Drawing the figures"
    script:
        "../scripts/figures.py"
