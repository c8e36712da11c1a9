"""Draws the figures of the report."""

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.report.figures.draw import write_figures

    write_figures(
        snakemake.output,
        tables={name: snakemake.input[name] for name in snakemake.params.tables},
        studies=snakemake.params.studies,
        published=snakemake.input.published,
        confidence=snakemake.params.confidence,
        verdicts=snakemake.input.verdicts,
        sensitivity=snakemake.input.sensitivity,
        calibration=snakemake.input.calibration,
        predict_first=snakemake.params.predict_first,
        processes=snakemake.threads,
    )
