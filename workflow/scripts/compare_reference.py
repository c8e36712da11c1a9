"""Compare a finished run with the shipped one, and say on the terminal what differs."""

import sys

from tokentrial.job import logged

terminal = sys.stdout
terminal.reconfigure(errors="backslashreplace")
with logged(snakemake.log[0]):
    from tokentrial.publish.reference import comparison
    from tokentrial.publish.reference.text import as_text

    found = comparison.compare(snakemake.params.run, snakemake.params.reference)
    said = as_text(found)
    comparison.write(found, said, json_file=snakemake.params.json, text_file=snakemake.params.text)
    print(said, file=terminal, flush=True)
    comparison.agree(found, snakemake.params.text)
