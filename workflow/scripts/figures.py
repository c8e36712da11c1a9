"""Draw the figures of the report."""

from pathlib import Path

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.report.figures.draw import write_figures

    write_figures(
        snakemake.output,
        runs=snakemake.input.runs,
        arms=snakemake.input.arms,
        summary=snakemake.input.summary,
        statistics=snakemake.input.statistics,
        published={Path(file).stem: file for file in snakemake.input.published},
        confidence=snakemake.params.confidence,
        cells=snakemake.params.cells,
        verdicts=snakemake.input.verdicts,
        measures=snakemake.input.measures,
        predict_first=snakemake.params.predict_first,
    )
