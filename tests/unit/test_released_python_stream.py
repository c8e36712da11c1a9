"""PythonStream against random.Random: every value equal to the last bit, whatever calls are mixed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrial.released.python_stream import PythonStream

SIZES = st.integers(0, 7)
CALLS = st.one_of(
    st.tuples(st.sampled_from(["uniform", "gauss", "skip_gauss", "normalvariate"]), SIZES),
    st.tuples(st.just("choice"), st.integers(1, 70)),
    st.tuples(st.just("randint"), st.tuples(st.integers(-5, 5), st.integers(0, 2**32 - 2))),
)


def expected(python: random.Random, name: str, argument: object) -> object:
    if name == "uniform":
        return [python.random() for _ in range(argument)]
    if name in ("gauss", "skip_gauss"):
        values = [python.gauss(0, 1) for _ in range(argument)]
        return values if name == "gauss" else None
    if name == "normalvariate":
        return [python.normalvariate(0, 1) for _ in range(argument)]
    if name == "choice":
        return python.choice(range(argument))
    low, width = argument
    return python.randint(low, low + width)


def found(stream: PythonStream, name: str, argument: object) -> object:
    if name == "choice":
        return stream.choice(range(argument))
    if name == "randint":
        low, width = argument
        return stream.randint(low, low + width)
    values = getattr(stream, name)(argument)
    return None if values is None else values.tolist()


@given(seed=st.integers(0, 2**64), calls=st.lists(CALLS, max_size=30))
def test_any_mix_of_calls_equals_python(seed, calls):
    python, stream = random.Random(seed), PythonStream(seed)
    for name, argument in calls:
        assert found(stream, name, argument) == expected(python, name, argument), (name, argument)


@pytest.mark.parametrize("name", ["uniform", "gauss", "normalvariate"])
def test_bulk_values_equal_python(name):
    # Large enough that a logarithm, cosine or sine that rounds differently from the math module's would show.
    python, stream = random.Random(42), PythonStream(42)
    assert found(stream, name, 100_001) == expected(python, name, 100_001)
    assert stream.randint(0, 2**32 - 2) == python.randint(0, 2**32 - 2)


@pytest.mark.parametrize("method", ["gauss", "normalvariate"])
def test_scaled_values_equal_python_with_that_sd(method):
    python, stream = random.Random(7), PythonStream(7)
    assert (getattr(stream, method)(1000) * 0.0137).tolist() == [
        getattr(python, method)(0, 0.0137) for _ in range(1000)
    ]


def test_another_seed_gives_another_stream():
    assert PythonStream(1).uniform(3).tolist() != PythonStream(2).uniform(3).tolist()


@pytest.mark.parametrize("width", [0, 2**32])
def test_ranges_that_one_word_cannot_serve_are_refused(width):
    with pytest.raises(ValueError, match="expected 1 to"):
        PythonStream(1).randint(1, width)
