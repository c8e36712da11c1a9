"""The focused scaling test: against the committed results of the public code, and its data against Python's calls."""

import random
import statistics

import numpy as np
import pytest

from tokentrial.errors import InputError
from tokentrial.released import focused_scaling
from tokentrial.released.context_free import ERROR_THRESHOLD, LOSS_THRESHOLD, Autoencoder, NextTokenModel
from tokentrial.released.python_stream import PythonStream

# focused_scaling_results.json of the learned-encoding study's public code, commit 6971115: means of three runs. The
# cells share one stream, so the first ones are tested; the others were compared once, and agree as well.
COMMITTED = {
    "compression-2": (4.60221955527854, 4.594716392908537),
    "compression-4": (4.604978834570983, 4.607241943241947),
    "compression-8": (4.605846972318186, 4.604867950528327),
    "compression-16": (4.600665647512579, 4.6051567940803855),
    "compression-32": (4.6064112534682105, 4.603800476924775),
    "vocabulary-50": (3.9108937476979286, 3.9064977117402453),
}


@pytest.fixture(scope="module")
def finished():
    return []


@pytest.fixture(scope="module")
def rows(finished):
    return focused_scaling.run(last_cell=list(COMMITTED)[-1], progress=finished.append)


@pytest.mark.parametrize("cell", COMMITTED)
def test_means_equal_the_committed_ones(rows, cell):
    for arm, expected in zip(("learned", "traditional"), COMMITTED[cell], strict=True):
        runs = [row for row in rows if (row.arm, row.cell) == (arm, cell) and row.step is None]
        assert [row.seed for row in runs] == [0, 1, 2]
        assert statistics.mean(row.value for row in runs) == pytest.approx(expected, rel=0, abs=1e-12)


def test_run_stops_after_the_last_cell_and_reports_each(rows, finished):
    assert finished == list(COMMITTED) == list(focused_scaling.CELLS)[: len(COMMITTED)]
    assert {row.cell for row in rows} == set(COMMITTED)


def test_curves_end_in_the_final_value(rows):
    curve = [row for row in rows if (row.arm, row.cell) == ("traditional", "vocabulary-50") and row.seed == 2]
    assert [row.step for row in curve] == [*range(1, 11), None]
    assert curve[-1].value == curve[-2].value


def test_an_unknown_cell_is_named_with_what_is_expected():
    with pytest.raises(InputError, match="last_cell is 'compression-3', expected one of compression-2, compression-4"):
        focused_scaling.run(last_cell="compression-3")


@pytest.mark.parametrize("kind", ["simple", "complex", "structured", "semi_random"])
def test_data_equal_those_drawn_with_pythons_calls(kind):
    random.seed(5)
    patterns = {
        "simple": [[1, 2, 3, 1, 2, 3, 1, 2, 3], [4, 5, 4, 5, 4, 5, 4, 5], [6, 7, 8, 9, 6, 7, 8, 9]],
        "complex": [[i, i + 1, i + 2] for i in (1, 2, 3, 4, 5, 6, 7, 8, 9)],
        "structured": [[1, 2, 3, 4, 5, 6, 7, 0]],
    }
    if kind == "semi_random":
        patterns[kind] = [[random.randint(0, 99) for _ in range(6)] for _ in range(5)]
    windows = []
    for _ in range(100):
        pattern = random.choice(patterns[kind])
        start = random.randint(0, len(pattern) - min(8, len(pattern)))
        windows.append(pattern[start : start + 8])
    inputs, targets = focused_scaling.draw_data(PythonStream(5), kind, 100)
    assert inputs.tolist() == [window[:-1] for window in windows]
    assert targets.tolist() == [window[1:] for window in windows]


def test_drawing_past_unused_rows_changes_no_other_parameter():
    whole, part = PythonStream(3), PythonStream(3)
    full, short = NextTokenModel.draw(whole, 20, 3, rows=20), NextTokenModel.draw(part, 20, 3, rows=7)
    for _ in range(2):
        full.perturb(whole, 1.5, focused_scaling.MODEL_NOISE)
        short.perturb(part, 1.5, focused_scaling.MODEL_NOISE)
    assert short.table.tolist() == full.table[:7].tolist()
    assert short.maps.tolist() == full.maps.tolist()
    assert part.gauss(3).tolist() == whole.gauss(3).tolist()


def test_at_the_threshold_nothing_is_drawn():
    stream = PythonStream(3)
    model = NextTokenModel.draw(stream, 10, 2, rows=10)
    before = model.maps.copy()
    model.perturb(stream, LOSS_THRESHOLD, focused_scaling.MODEL_NOISE)
    autoencoder = Autoencoder.draw(stream, 10, 4, 2)
    autoencoder.table[:] = 0.0  # no error: nothing to rebuild
    errors = autoencoder.train_epoch(stream, np.arange(10), focused_scaling.AUTOENCODER_NOISE)
    assert model.maps.tolist() == before.tolist()
    assert (errors <= ERROR_THRESHOLD).all()
    unperturbed = PythonStream(3)
    unperturbed.skip_gauss(10 * 2 + 2 * 32 + 32 * 10 + 10 * 4 + 2 * 4 * 2)  # what the two models were drawn from
    assert stream.gauss(4).tolist() == unperturbed.gauss(4).tolist()
