"""Text, rankings, targets and levels of the released bespoke scripts, against brute force and the standard library."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from tokentrial.data.zipf import zipf_probabilities
from tokentrial.released.bespoke import layouts, text


@pytest.mark.parametrize(("vocab_size", "length"), [(2, 5), (3, 4), (4, 6)])
def test_the_law_of_the_mode_equals_enumeration(vocab_size, length):
    law = zipf_probabilities(vocab_size, 1.1)
    expected = np.zeros(vocab_size)
    for window in itertools.product(range(vocab_size), repeat=length):
        counts = np.bincount(window, minlength=vocab_size)
        expected[counts.argmax()] += np.prod(law[list(window)])
    np.testing.assert_allclose(text.mode_law(law, length), expected, rtol=1e-12)


def test_modes_are_those_of_torch():
    sequences = np.random.default_rng(0).integers(0, 6, (4, 100, 7))  # many ties
    np.testing.assert_array_equal(text.modes(sequences, 6), torch.mode(torch.from_numpy(sequences))[0].numpy())


def test_the_ranking_is_that_of_a_stable_sort_of_a_counter():
    corpus = text.draw_corpus(zipf_probabilities(200, 1.1), 1_000, 42, "test", 0)
    ranked = sorted(Counter(corpus.tolist()).items(), key=lambda item: item[1], reverse=True)
    assert text.ranked_types(corpus).tolist() == [token for token, _ in ranked]


def test_overlapping_classes_go_to_the_one_that_wins():
    ranking = np.array([3, 1, 0])
    assert layouts.by_ends(ranking, 5, 2, 2, low_wins=True).tolist() == [2, 2, 1, 0, 1]
    assert layouts.by_ends(ranking, 5, 2, 2, low_wins=False).tolist() == [2, 0, 1, 0, 1]


def test_on_a_short_corpus_every_type_that_occurs_is_low():
    """Protocol B3: with 1,000 tokens all 30 high types overlap with the last 170, so that all are overwritten."""
    corpus = text.draw_corpus(zipf_probabilities(200, 1.1), 1_000, 42, "test", 0)
    classes = layouts.by_ends(text.ranked_types(corpus), 200, 30, 170, low_wins=True)
    assert set(classes[corpus]) == {layouts.LOW}
    assert set(classes) == {layouts.LOW, layouts.MID}


def test_controls_keep_the_numbers_of_wide_and_narrow_types():
    corpus = text.draw_corpus(zipf_probabilities(200, 1.1), 20_000, 42, "test", 0)
    ranking = text.ranked_types(corpus)
    classes = layouts.by_ends(ranking, 200, 30, 170, low_wins=True)
    mixed = layouts.permuted(42, "test")(classes, ranking, 0)
    turned = layouts.reversed_ranks(classes, ranking, 0)
    assert Counter(mixed) == Counter(turned) == Counter(classes)
    assert set(ranking[-30:]) == set(np.flatnonzero(turned == layouts.HIGH))
    assert not np.array_equal(mixed, classes)
    assert not np.array_equal(mixed, layouts.permuted(42, "test")(classes, ranking, 1))


def test_a_class_larger_than_its_table_is_an_error():
    with pytest.raises(ValueError, match="band high: 3 tokens for 2 rows"):
        layouts.slots_of(np.zeros((1, 3), dtype=np.int64), [layouts.Band("high", 4, 2)])


def test_levels_of_independent_text_are_its_entropy():
    """Protocol B, table: V = 200, s = 1.1 has H = 3.859 and ln V = 5.298."""
    rows = {row.arm: row.value for row in text.levels(zipf_probabilities(200, 1.1), [0])}
    assert rows["reference.unigram"] == rows["reference.floor"] == pytest.approx(3.859, abs=5e-4)
    assert rows["reference.chance"] == pytest.approx(5.298, abs=5e-4)
