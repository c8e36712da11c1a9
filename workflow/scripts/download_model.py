"""Downloads a language model of the Hugging Face hub."""

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.cramming.folders import download

    download(snakemake.params.hub, snakemake.params.revision, snakemake.output.folder)
