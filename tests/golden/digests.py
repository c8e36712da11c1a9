"""Digests of all that a run makes after training, so that a change of structure shows which results it changes.

`make golden` makes results/reference_report from the shipped rows and compares every file's digest with digests.txt;
`make golden WRITE=--write` takes the new ones over, for a change that CHANGELOG.md explains. What differs between
machines or commits alone is left out: digits of a float after the sixth, and the name of the commit that judged.
"""

import argparse
import hashlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from tokentrial import results
from tokentrial.provenance import git_commit

DIGESTS = Path(__file__).with_name("digests.txt")
MADE = Path("results/reference_report")
TABLES = ("conditions", "methods", "summary", "statistics", "cramming", "cramming_decisions", "verdicts", "sensitivity")
TEXTS = ("report.typ", "report.numbers.csv", "advice.md", "verdicts.json")
NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")
JUDGED = re.compile(r'(?<=trained the models, #raw\(")[^"]*')
COORDINATE = re.compile(r"-?\d+\.\d{3,}(?:e[-+]?\d+)?")


def digits(text: str, pattern: re.Pattern[str] = NUMBER, form: str = ".6g") -> str:
    """Text whose floats have so many digits."""
    return pattern.sub(lambda match: format(float(match[0]), form), text)


def content(path: Path, commit: str) -> str:
    """What a file says, in the same words on every machine and at every commit."""
    if path.suffix == ".parquet":
        rows: pd.DataFrame = results.read(path).to_pandas()
        return digits(rows.to_csv(index=False))
    text = JUDGED.sub("COMMIT", path.read_text(encoding="utf-8").replace(commit, "COMMIT"))
    if path.suffix in (".svg", ".html"):
        return digits(text, COORDINATE, ".2f")
    return digits(text) if path.suffix in (".csv", ".json") else text


def digests(folder: Path) -> dict[str, str]:
    """File, relative to the folder -> digest, of every table, figure and text of a report."""
    files = [folder / f"{name}.parquet" for name in TABLES]
    files += [*(folder / name for name in TEXTS), *folder.glob("tables/*"), *folder.glob("figures/*.svg")]
    commit = git_commit()
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(content(path, commit).encode()).hexdigest()[:16]
        for path in sorted(files)
        if path.is_file()
    }


def read(path: Path = DIGESTS) -> dict[str, str]:
    """File -> digest, as they are kept."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def differences(kept: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """A line for every file that is new, missing or changed."""
    lines = [f"missing: {name}" for name in kept if name not in now]
    lines += [f"new: {name}" for name in now if name not in kept]
    return lines + [f"changed: {name}" for name in now if name in kept and kept[name] != now[name]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep these digests from now on")
    write = parser.parse_args().write
    now = digests(MADE)
    lines = differences(read(), now)
    if write:
        DIGESTS.write_text("".join(f"{digest}  {name}\n" for name, digest in now.items()), encoding="utf-8")
    print("\n".join(lines) or f"{len(now)} files are as they were")
    if lines and not write:
        sys.exit(f"error: {MADE}: {len(lines)} files differ from {DIGESTS.name}")


if __name__ == "__main__":
    main()
