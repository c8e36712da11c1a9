"""A comparison by its id, as verdicts, paper and site name it."""

from tokentrial.run.view import Row, View, records


def comparison(view: View, name: str) -> Row:
    """Returns the row of results.STATISTICS with this id; empty if there is none."""
    rows = records(view.statistics[view.statistics["comparison"] == name])
    return rows[0] if rows else {}
