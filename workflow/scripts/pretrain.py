"""Train a small language model on WikiText-2."""

from pathlib import Path

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.cramming.pretraining import pretrain

    pretrain(
        spec=snakemake.params.spec,
        text={split: snakemake.input[split] for split in ("train", "validation", "test")},
        checkpoints=snakemake.params.checkpoints,
        folder=Path(snakemake.output.config).parent,
    )
