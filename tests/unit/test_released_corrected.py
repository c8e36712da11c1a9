"""The corrected experiment: against a direct run of the public code, and its data against Python's calls."""

import itertools
import random

import pytest

from tokentrial.errors import InputError
from tokentrial.released import corrected
from tokentrial.released.python_stream import PythonStream

# No accuracy is committed with the public code. These were printed by a direct run of its corrected_experiment.py,
# commit 3079eb0, with Python 3.11 (234 s on one core).
PRINTED = {
    "ratio-2": ([0.020, 0.015, 0.015], [0.015, 0.025, 0.005]),
    "ratio-4": ([0.005, 0.005, 0.010], [0.005, 0.030, 0.020]),
    "ratio-8": ([0.030, 0.005, 0.000], [0.020, 0.020, 0.015]),
    "ratio-16": ([0.010, 0.015, 0.010], [0.025, 0.020, 0.005]),
}
PARAMETERS = {64: (6400, 25984), 32: (3200, 16192), 16: (1600, 11296), 8: (800, 8848)}  # printed there too


@pytest.fixture(scope="module")
def rows():
    return corrected.run()


@pytest.mark.parametrize("cell", PRINTED)
def test_accuracies_equal_the_printed_ones(rows, cell):
    for arm, expected in zip(("learned", "autoencoder"), PRINTED[cell], strict=True):
        runs = [row for row in rows if (row.arm, row.cell) == (arm, cell) and row.metric == "accuracy"]
        assert [(row.seed, row.split, row.step, row.unit) for row in runs] == [
            (index, "test", None, "fraction") for index in range(3)
        ]
        assert [row.value for row in runs] == expected


def test_training_curves_equal_those_of_the_original_functions():
    # Returned by the same file's two training functions, called in turn for width 8 right after seed 42.
    stream = PythonStream(42)
    learned = corrected._learned_run(stream, "x", 8, 0)
    autoencoder = corrected._autoencoder_run(stream, "x", 8, 0)
    rates = [row.value for row in learned if row.metric == "error_rate" and row.step is not None]
    assert (len(rates), rates[:4], rates[-1]) == (50, [0.97625, 0.97875, 0.97375, 0.9775], 0.98625)
    errors = [row.value for row in autoencoder if row.metric == "reconstruction_error"]
    assert len(errors) == 25
    assert errors[:2] + errors[-1:] == pytest.approx(
        [0.186833748815958, 0.18683423980205455, 0.18683468385816632], rel=0, abs=1e-12
    )
    rates = [row for row in autoencoder if row.metric == "error_rate" and row.step is not None]
    assert [row.step for row in rates] == list(range(26, 51))
    assert [row.value for row in rates[:4]] == [0.97375, 0.9775, 0.97625, 0.97625]
    assert (learned[-1].value, autoencoder[-1].value) == (0.025, 0.04)


def test_a_prefix_is_the_start_of_the_whole_run(rows):
    finished = []
    prefix = corrected.run(last_cell="ratio-2", progress=finished.append)
    assert finished == ["ratio-2"]
    assert prefix == rows[: len(prefix)]
    assert {(row.arm, row.cell) for row in prefix} == {("learned", "ratio-2"), ("autoencoder", "ratio-2")}


@pytest.mark.parametrize("width", PARAMETERS)
def test_parameter_counts_equal_the_printed_ones(width):
    assert (
        tuple(sum(corrected.parameters(arm, width).values()) for arm in ("learned", "autoencoder")) == PARAMETERS[width]
    )


def test_data_equal_those_drawn_with_pythons_calls():
    random.seed(9)
    chain = []
    for token in range(50):
        weights = [random.random() for _ in range(50)]
        if token < 25:
            weights = weights[:25] + [weight * 2 for weight in weights[25:]]
        chain.append(list(itertools.accumulate(weight / list(itertools.accumulate(weights))[-1] for weight in weights)))
    sequences = []
    for _ in range(40):
        sequence = [random.randint(0, 49)]
        for _ in range(8):
            drawn = random.random()
            sequence.append(next((i for i, sum_ in enumerate(chain[sequence[-1]]) if drawn <= sum_), sequence[-1]))
        sequences.append(sequence)
    inputs, targets = corrected.draw_data(PythonStream(9), 40)
    assert inputs.tolist() == [sequence[:-1] for sequence in sequences]
    assert targets.tolist() == [sequence[-1] for sequence in sequences]


def test_an_unknown_cell_is_named_with_what_is_expected():
    with pytest.raises(InputError, match="last_cell is 'ratio-3', expected one of ratio-2, ratio-4, ratio-8, ratio-16"):
        corrected.run(last_cell="ratio-3")
