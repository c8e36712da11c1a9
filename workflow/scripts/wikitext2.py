"""Fetch, check and tokenise WikiText-2."""

from pathlib import Path

from tokentrial.data import wikitext2
from tokentrial.job import logged

with logged(snakemake.log[0]):
    tokenizer = snakemake.params.tokenizer
    wikitext2.prepare(
        paths=wikitext2.fetch(snakemake.params.folder, cache=Path("results/data/wikitext2/source")),
        tokenizer=tokenizer,
        vocab_size=snakemake.params.vocab_size if tokenizer == "bpe" else None,
        out=dict(snakemake.output.items()),
    )
