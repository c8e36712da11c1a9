"""Gets the text of the real-text studies."""

from pathlib import Path

from tokentrial.data.delivery import deliver
from tokentrial.job import logged

with logged(snakemake.log[0]):
    deliver(
        snakemake.params.setting,
        snakemake.params.path,
        cache=str(Path(snakemake.output.record).with_name("source")),
        out={split: snakemake.output[split] for split in ("train", "validation", "test")},
        record=snakemake.output.record,
    )
