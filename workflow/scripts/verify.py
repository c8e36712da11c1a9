"""Checks the files of a finished or partial run."""

import sys

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.verify import verify

    print(verify(f"{snakemake.log[0].removesuffix('logs/verify.log')}results"), file=sys.__stderr__)
