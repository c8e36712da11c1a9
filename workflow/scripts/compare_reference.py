"""Compares a finished run with the shipped run, and prints the differences on the terminal."""

import sys

from tokentrial.job import logged

terminal = sys.stdout
terminal.reconfigure(errors="backslashreplace")
with logged(snakemake.log[0]):
    from tokentrial.publish.reference import comparison
    from tokentrial.publish.reference.text import as_text

    differences = comparison.compare(snakemake.params.run, snakemake.params.reference)
    text = as_text(differences)
    comparison.write(differences, text, json_file=snakemake.params.json, text_file=snakemake.params.text)
    print(text, file=terminal, flush=True)
    comparison.agree(differences, snakemake.params.text)
