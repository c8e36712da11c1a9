"""What the command costs its users: CPU seconds and files touched for an audit, a dispute, a sixth document.

Each line of the table in docs/command.md is one call below, in a folder of its own, with the files that the user writes
for it. CPU seconds are those of all processes together, which other work on the machine changes less than the clock.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
OWN = ROOT / "examples/documents/progressive-cramming"
MODEL, TEXT = str(ROOT / "models/sotu/llama-64x2"), str(ROOT / "README.md")
CALLS = {
    "a paper's printed numbers audited": (("audit", str(ROOT / "examples/paper.yaml")), 1),
    "a claim's margin disputed": (("what-if", "--claim", "LE0-RQ.margin=.001"), 0),
    "the margin of all claims disputed": (("what-if", "--set", "statistics.equivalence_margin=.2"), 0),
    "the margin at which each claim flips": (("what-if", "--margins"), 0),
    "a sixth document in the report, from the shipped rows": (
        ("run", "--documents", str(OWN.parent), "--cores", "1", "--quiet", "all", "--", "reference_report"),
        len(list(OWN.iterdir())),
    ),
    "a small model's token table compressed": (
        ("compress", MODEL, "--text", TEXT, "--methods", "svd,int4", "--sizes", "4", "--save", "int4", "--out", "made"),
        0,
    ),
    "texts crammed into a vector of a small model": (("cram", MODEL, "--text", TEXT, "--texts", "8"), 0),
}


def cost(*arguments: str) -> tuple[float, float]:
    """Returns CPU seconds and seconds of a call that must succeed."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        command = [sys.executable, "-m", "tokentrial", *arguments]
        subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - started


if __name__ == "__main__":
    print(f"{'':<55}{'files':>6}{'CPU-s':>8}{'s':>8}")
    for what, (call, files) in CALLS.items():
        cpu, clock = cost(*call)
        print(f"{what:<55}{files:>6}{cpu:>8.1f}{clock:>8.1f}")
