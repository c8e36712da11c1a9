"""Trains a small language model on the run's corpus."""

from pathlib import Path

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.cramming.pretraining.pretrain",
    spec=snakemake.params.spec,
    text={split: snakemake.input[split] for split in ("train", "validation", "test")},
    record=snakemake.input.record,
    code=snakemake.input.code,
    checkpoints=snakemake.params.checkpoints,
    folder=str(Path(snakemake.output.config).parent),
)
