"""Cram the texts of one design into the vectors of one language model."""

from pathlib import Path

from tokentrial.job import run

first = Path(snakemake.input.model[0])
run(
    snakemake.log[0],
    "tokentrial.cramming.job.run_cramming",
    spec=snakemake.params.spec,
    model=str(first if first.is_dir() else first.parent),
    text={split: snakemake.input[split] for split in ("train", "validation", "test")},
    checkpoints=snakemake.params.checkpoints,
    runs=snakemake.output.runs,
    arms=snakemake.output.arms,
)
