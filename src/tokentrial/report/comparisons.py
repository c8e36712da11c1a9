"""A comparison by its id, as verdicts, paper and site name it."""

from tokentrial.run.budget import budget
from tokentrial.run.view import Row, View, records


def comparison(view: View, name: str) -> Row:
    """Returns the row of results.STATISTICS with this id; empty if there is none."""
    rows = records(view.statistics[view.statistics["comparison"] == name])
    return rows[0] if rows else {}


def relative_steps(view: View, condition: str, arm: str, other: str) -> float | None:
    """Returns an arm's steps on text over those of another one, all stages of both; None if they are not known."""
    mine, theirs = (budget(view, condition, each) for each in (arm, other))
    return mine.steps / theirs.steps if mine and theirs and theirs.steps else None
