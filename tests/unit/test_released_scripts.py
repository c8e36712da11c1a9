"""The one door to the four rebuilt scripts."""

import pandas as pd
import pytest

from tokentrial import released, results
from tokentrial.errors import InputError


@pytest.mark.parametrize(("name", "last_cell"), [("academic-validation", None), ("corrected", "ratio-2")])
def test_measurements_fit_the_table_of_runs(name, last_cell):
    measured = released.run_script(name, last_cell)
    rows = pd.DataFrame([row.measurement for row in measured]).assign(study="released")
    rows["condition"] = [row.cell for row in measured]
    rows["step"] = rows["step"].astype("Int32")
    table = results.table(rows, results.RUNS)
    assert table.num_rows == len(rows)
    assert not rows.duplicated(["condition", "arm", "seed", "split", "step", "metric"]).any()


def test_a_script_of_cells_stops_where_it_is_told():
    arms = {(row.arm, row.cell) for row in released.run_script("corrected", last_cell="ratio-2")}
    assert arms == {("learned", "ratio-2"), ("autoencoder", "ratio-2")}


@pytest.mark.parametrize(
    ("name", "last_cell", "message"),
    [
        ("pure_python", None, "'pure_python': expected one of pure-python, academic-validation, focused-scaling"),
        ("pure-python", "ratio-2", "pure-python: last_cell is 'ratio-2', expected none"),
        ("focused-scaling", "ratio-2", "focused-scaling: last_cell is 'ratio-2', expected one of compression-2"),
    ],
)
def test_mistakes_are_named(name, last_cell, message):
    with pytest.raises(InputError, match=message):
        released.run_script(name, last_cell)
