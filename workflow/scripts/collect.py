"""Concatenates the result files of all jobs."""

from tokentrial import results
from tokentrial.collect import collect
from tokentrial.job import logged

with logged(snakemake.log[0]):
    collect(snakemake.input.runs, snakemake.output.runs, results.RUNS)
    collect(snakemake.input.arms, snakemake.output.arms, results.ARMS)
