"""How many planted errors the checks of printed numbers see, and how many true statements they flag.

Plants errors in the true statements of all documents and of two made-up ones, and truths in false ones, by a seeded
generator; prints recall and precision with exact intervals, by kind of number and by document, beside published figures
of programs that search papers for errors. docs/calibration.md says what the numbers mean.

Run: ``python benchmarks/calibration.py [--seed 42] [--misses] [--output calibration.parquet]``
"""

import argparse
from pathlib import Path

import pandas as pd

from tokentrial import results
from tokentrial.claims.calibration.measure import CALIBRATION, PLANT, PRINTED, base, measure, rates
from tokentrial.provenance import git_commit
from tokentrial.report import catalogue

ROOT = Path(__file__).parents[1]


def table(rows: pd.DataFrame) -> str:
    """A line per share: hits, number, share and interval."""
    lines = []
    for row in rates(rows).to_dict("records"):
        ends = "" if row["rate"] is None else f"{row['rate']:7.1%}  [{row['low']:.1%}, {row['high']:.1%}]"
        by = f"by {row['by']}: " if row["by"] else ""
        lines.append(f"{row['measure']:14} {by + row['name']:40} {row['hits']:5} / {row['n']:<5} {ends}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--misses", action="store_true", help="list the visible errors that no check sees, and alarms")
    parser.add_argument("--output", help="a Parquet file for all rows")
    asked = parser.parse_args()
    made_up = sorted((ROOT / "workflow/calibration").glob("*.yaml"))
    true, false = base(ROOT / "documents", ROOT / "workflow/schemas/claims.schema.yaml", made_up)
    rows = measure(true, false, asked.seed, ROOT / "documents")
    print(f"seed {asked.seed}, commit {git_commit()}, {len(true)} true and {len(false)} false statements\n")
    print(table(rows))
    for name, rate in catalogue.entries(catalogue.VERDICTS).figures["calibration"].finders.items():
        print(f"{'published':14} {name:40} {'':13} {rate:7.1%}")
    if asked.misses:
        missed = rows[(rows["group"] == PLANT) & rows["visible"] & ~rows["flagged"]]
        alarms = rows[~rows["group"].isin([PLANT, PRINTED]) & rows["flagged"]]
        columns = ["document", "kind", "operator", "statements", "original", "text"]
        print(f"\nVisible, and not seen:\n{missed[columns].to_string(index=False)}")
        print(f"\nTrue, and flagged:\n{alarms[['group', *columns[:1], *columns[3:]]].to_string(index=False)}")
    if asked.output:
        known = {"seed": str(asked.seed), "commit": git_commit()}
        results.write(asked.output, results.table(rows, CALIBRATION, known))


if __name__ == "__main__":
    main()
