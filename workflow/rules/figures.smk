# PURPOSE  The figures of the report.
# INPUTS   the result tables, the verdicts, documents/<id>/printed.yaml and studies/<study>.yaml, which declare figures
# OUTPUTS  results/figures/<figure>.pdf, .svg and .png for every figure of the catalogue
# STEPS    draw each figure as its entry says; those of the verdicts are declared in workflow/report/verdicts.yaml

FIGURE_NAMES = [*catalogue.verdict_figures(), *catalogue.figures_of(STUDIES)]
FIGURES = [f"results/figures/{figure}.svg" for figure in FIGURE_NAMES]
# Figure -> its subcategory (a study or the verdicts), and its title.
FIGURE_TITLES = {figure: ("Verdicts", title) for figure, title in catalogue.verdict_figures().items()} | {
    figure: (catalogue.study_title(study), title)
    for study in STUDIES
    for figure, title in catalogue.figures_of([study]).items()
}


# One job, since loading the libraries takes longer than drawing a figure.
rule figures:
    input:
        **VIEWED,
        verdicts="results/verdicts.parquet",
        sensitivity="results/sensitivity.parquet",
        calibration="results/calibration.parquet",
        published=PRINTED,
        titles=TITLES,
        code=code_of("figures"),
    output:
        pdf=[f"results/figures/{figure}.pdf" for figure in FIGURE_NAMES],
        png=[f"results/figures/{figure}.png" for figure in FIGURE_NAMES],
        svg=[
            report(
                f"results/figures/{figure}.svg",
                caption="../report/figure.rst",
                category="Figures",
                subcategory=part,
                labels={"figure": title},
            )
            for figure, (part, title) in FIGURE_TITLES.items()
        ],
    log:
        "logs/figures.log",
    localrule: True
    threads: 2
    params:
        code=content("figures"),
        tables=list(VIEWED),
        studies=STUDIES,
        captions=figure_captions,
        confidence=JUDGING["confidence"],
        predict_first=config["cramming"]["predict_first"],
    message:
        "Drawing the figures"
    script:
        "../scripts/figures.py"
