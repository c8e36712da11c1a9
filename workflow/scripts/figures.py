"""Draws the figures of the report."""

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.report.figures.draw.write_figures",
    keep=False,
    paths=list(snakemake.output),
    tables={name: snakemake.input[name] for name in snakemake.params.tables},
    studies=snakemake.params.studies,
    published=list(snakemake.input.published),
    confidence=snakemake.params.confidence,
    verdicts=snakemake.input.verdicts,
    sensitivity=snakemake.input.sensitivity,
    calibration=snakemake.input.calibration,
    predict_first=snakemake.params.predict_first,
    processes=snakemake.threads,
)
