"""Frequency-dependent layouts: sizes and counts of document 003, of the methods' sources, and of slow rewrites."""

from typing import Any

import numpy as np
import pytest
from torch import nn

from tokentrial.encoders.layouts import (
    Categories,
    Layout,
    assign,
    check_counts,
    check_ids,
    efficiency_score,
    ranking,
    row_index,
    usage_distribution,
)
from tokentrial.encoders.schemes import SCHEMES, power_rule, scheme
from tokentrial.errors import InputError
from tokentrial.seeds import stream

WIKITEXT2 = 33_278  # types


def zipf_counts(vocab_size: int = 200, tokens: int = 20_000, exponent: float = 1.1, seed: int = 0) -> Any:
    law = 1 / np.arange(1, vocab_size + 1) ** exponent
    return stream(seed, "layouts_test").multinomial(tokens, law / law.sum())


def numbers(*modules: nn.Module) -> int:
    return sum(value.numel() for module in modules for value in module.parameters())


def layout_of(name: str, sizes: tuple[int, ...], full_width: int = 128, **options: Any) -> Layout:
    made = scheme(name, sum(sizes), full_width, **options)
    return made.of_sizes(sizes)  # type: ignore[union-attr]


# Parameter counts


def test_initial_whole_models() -> None:
    """Protocol B2: 67,492 against 46,372, with one encoder layer and an output layer around the embedding."""
    rest = numbers(nn.TransformerEncoderLayer(64, 4, 128), nn.Linear(64, 100))
    bespoke, standard = layout_of("initial", (20, 0, 80), 64), scheme("uniform", 100, 64).layout(np.ones(100))
    assert (bespoke.parameter_count() + rest, standard.parameter_count() + rest) == (67_492, 46_372)
    assert round(67_492 / 46_372, 3) == 1.455
    assert [band.width for band in bespoke.bands] == [96, 64, 32]


def test_scaling_whole_models() -> None:
    """Protocol B3: 135,624 against 51,656, with a LayerNorm and an output layer behind the embedding."""
    rest = numbers(nn.LayerNorm(128), nn.Linear(128, 200))
    bespoke, standard = layout_of("scaling", (30, 0, 170)), scheme("uniform", 200, 128).layout(np.ones(200))
    assert (bespoke.parameter_count() + rest, standard.parameter_count() + rest) == (135_624, 51_656)
    assert round(135_624 / 51_656, 3) == 2.626
    assert bespoke.parameter_count() == 109_568


def test_optimized_embedding() -> None:
    """Protocol B4: 48,812 against 25,600 at 45, 87 and 68 tokens; over corpora between 48,472 and 49,261."""
    assert layout_of("optimized", (45, 87, 68)).parameter_count() == 48_812
    assert scheme("uniform", 200, 128).layout(np.ones(200)).parameter_count() == 25_600
    found = [scheme("optimized", 200, 128).layout(zipf_counts(seed=seed)).parameter_count() for seed in range(60)]
    assert 48_472 - 400 < min(found) < max(found) < 49_261 + 400


def test_ultra_efficient_embedding() -> None:
    """Protocol B5 and document 003's appendix A: 3,840 + 1,920 + 128 + 24,576 = 30,464."""
    layout = scheme("ultra_efficient", 200, 128).layout(zipf_counts() + 1)  # all 200 tokens are observed
    assert layout.sizes == (20, 20, 160)
    assert layout.table_parameters() == (3_840, 1_920, 128)
    assert layout.projection_parameters() == 24_576
    assert layout.parameter_count() == 30_464
    assert round(30_464 / 25_600, 3) == 1.190


def test_adaptive_input() -> None:
    """Methods, section 1: V = 33,278, d = 256, cut-offs 2,000 and 10,000, k = 4."""
    layout = scheme("adaptive", WIKITEXT2, 256, cutoffs=[2_000, 10_000]).layout(np.ones(WIKITEXT2))
    assert [(band.tokens, band.width) for band in layout.bands] == [(2_000, 256), (8_000, 64), (23_278, 16)]
    assert layout.parameter_count() == 1_482_464


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("powers_of_two", [False, True])
def test_mixed_dimensions_count(alpha: float, powers_of_two: bool) -> None:
    """Methods, section 1: sum over blocks of n d_b + [d_b < d] d_b d."""
    blocks = [100, 900, 9_000]
    widths = power_rule(blocks, alpha, 64, powers_of_two=powers_of_two)
    made = scheme("mixed", 10_000, 64, blocks=blocks, alpha=alpha, powers_of_two=powers_of_two)
    rest = scheme("mixed", 10_000, 64, blocks=[*blocks[:-1], None], alpha=alpha, powers_of_two=powers_of_two)
    assert rest == made
    expected = sum(n * d + (d * 64 if d < 64 else 0) for n, d in zip(blocks, widths, strict=True))
    assert made.layout(np.ones(10_000)).parameter_count() == expected


def test_uniform_controls_count() -> None:
    ones = np.ones(200)
    assert scheme("uniform_projected", 200, 128).layout(ones).parameter_count() == 200 * 128 + 128 * 128
    class_sized = layout_of("scaling", (30, 0, 170), tables="class")
    assert class_sized.parameter_count() == 30 * 224 + 170 * 32 + 224 * 128 + 32 * 128


@pytest.mark.parametrize(
    "of", ["optimized", "initial", "scaling", "ultra_efficient", {"layout": "adaptive", "cutoffs": [20, 60]}]
)
def test_uniform_at_the_same_budget(of: Any) -> None:
    counts = zipf_counts()
    name, options = (of, {}) if isinstance(of, str) else ("adaptive", {"cutoffs": [20, 60]})
    budget = scheme(name, 200, 128, **options).layout(counts).parameter_count()
    layout = scheme("uniform_budget", 200, 128, of=of).layout(counts)
    ((width, reach),) = [(band.width, band.reach) for band in layout.bands]
    assert (layout.parameter_count(), reach) == (200 * width + width * 128, "own")
    assert layout.parameter_count() <= budget < 200 * (width + 1) + (width + 1) * 128
    assert scheme("uniform_budget", 200, 128, parameters=budget).layout(counts) == layout


# Categories


def categorize_tokens(counts: Any, cutoffs: tuple[float, float]) -> list[int]:
    """Document 003's loop, one token at a time; a token never seen comes after all others."""
    total, cumulative, found = int(counts.sum()), 0, [2] * len(counts)
    for token in sorted(range(len(counts)), key=lambda token: (-counts[token], token)):
        if cumulative / total < cutoffs[0]:
            found[token] = 0
        elif cumulative / total < cutoffs[1]:
            found[token] = 1
        cumulative += int(counts[token])
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cutoffs", [(0.8, 0.95), (0.6, 0.85), (0.5, 0.75)])
@pytest.mark.parametrize("tokens", [300, 20_000])  # 300: not every token is observed, and many tie
def test_cumulative_categories_are_the_documents(seed: int, cutoffs: tuple[float, float], tokens: int) -> None:
    counts = zipf_counts(tokens=tokens, seed=seed)
    sizes = Categories("cumulative", cutoffs).sizes(counts)
    np.testing.assert_array_equal(assign(ranking(counts), sizes), categorize_tokens(counts, cutoffs))


def test_a_share_that_meets_the_cut_off_exactly() -> None:
    """The rule asks for the share before a token to be below the cut-off: at 0.5 the third token is not high."""
    assert Categories("cumulative", (0.5, 0.75)).sizes(np.array([2, 2, 2, 1, 1])) == (2, 1, 2)


def test_categories_by_rank() -> None:
    counts = np.array([5, 0, 9, 1, 0, 7, 3, 2])  # six observed
    assert Categories("ranks", (2, 5)).sizes(counts) == (2, 3, 3)
    assert Categories("ranks", (2, -2)).sizes(counts) == (2, 2, 4)  # the last two observed, and the unobserved
    assert Categories("types", (0.34, 0.5)).sizes(counts) == (2, 1, 5)
    assert ranking(counts).tolist() == [2, 5, 0, 6, 7, 3, 1, 4]  # ties by id
    assert assign(ranking(counts), (2, 2, 4)).tolist() == [1, 2, 0, 2, 2, 0, 1, 2]


def test_rows_are_a_bands_own_or_shared() -> None:
    layout = layout_of("ultra_efficient", (2, 3, 7), 16, shared_rows=4)
    bands = np.array([2, 0, 1, 2, 2, 1, 2, 0, 2, 2, 1, 2])
    # two rows, then three, then four for ids 0 3 4 6 8 9 11 mod 4
    assert row_index(bands, layout).tolist() == [5, 0, 2, 8, 5, 3, 7, 1, 5, 6, 4, 8]
    with pytest.raises(InputError, match=r"^layout: found bands of \[2, 3, 7\] tokens; expected \[3, 3, 6\]$"):
        row_index(bands, layout_of("ultra_efficient", (3, 3, 6), 16, shared_rows=4))


@pytest.mark.parametrize("sizes", [(20, 0, 80), (0, 0, 100), (33, 33, 34)])
def test_any_assignment_has_a_row_for_every_token(sizes: tuple[int, int, int]) -> None:
    """Such as a released script's, in which a category may be empty."""
    bands = stream(1, "any_assignment").permutation(np.repeat([0, 1, 2], sizes))
    index = row_index(bands, layout_of("optimized", sizes, 64))
    assert sorted(index.tolist()) == list(range(100))
    starts = np.cumsum([0, *sizes[:2]])
    for band in range(3):
        rows = index[bands == band]
        assert rows.tolist() == sorted(rows)  # in the order of ids
        assert ((starts[band] <= rows) & (rows < starts[band] + sizes[band])).all()


# Power rule


def test_power_rule() -> None:
    """Ginart et al.: lambda = 64 * 100^0.5 = 640; 640 / 900^0.5 = 21.3, 640 / 9000^0.5 = 6.7."""
    assert power_rule([100, 900, 9_000], 0.5, 64) == (64, 21, 7)
    assert power_rule([100, 900, 9_000], 0.5, 64, powers_of_two=True) == (64, 16, 8)  # log2: 4.39 and 2.81
    assert power_rule([9_000, 100, 900], 0.5, 64) == (7, 64, 21)
    assert power_rule([100, 900, 9_000], 0.0, 64) == (64, 64, 64)
    assert power_rule([1, 1_000], 1.0, 64) == (64, 1)  # never below 1
    # blocks of 10 and 40 rows looked up 8 and 2 times: popularity 0.8 against 0.05
    assert power_rule([10, 40], 0.5, 64, queries=[8, 2]) == (64, 16)


# Efficiency metrics


@pytest.mark.parametrize(
    ("quality", "score"), [(0.989, 0.385), (0.186, 2.047), (0.042, 3.809), (0.358, 1.064)], ids=lambda value: str(value)
)
def test_published_scaling_scores(quality: float, score: float) -> None:
    """Protocol B8, from ratios that are rounded themselves; 0.042 counts as 0.1."""
    lowest, highest = (efficiency_score(135_624 / 51_656, quality + half) for half in (0.0005, -0.0005))
    assert lowest - 0.0005 <= score <= highest + 0.0005
    assert highest - lowest < 0.012


def test_published_initial_score() -> None:
    assert efficiency_score(67_492 / 46_372, 0.958) == pytest.approx(0.717, abs=0.0005)


def test_mean_of_the_published_scores() -> None:
    """Document 003's 'Efficiency Score' mean of 1.827 is that of the four scaling rows (protocol B8)."""
    scores = [efficiency_score(135_624 / 51_656, quality) for quality in (0.989, 0.186, 0.042, 0.358)]
    assert np.mean(scores) == pytest.approx(1.827, abs=0.001)


def test_usage_distribution() -> None:
    counts, bands = np.array([8, 1, 0, 5, 6]), np.array([0, 2, 2, 1, 0])
    assert usage_distribution(counts, bands) == {"high": 0.7, "mid": 0.25, "low": 0.05}
    text = zipf_counts()
    shares = usage_distribution(text, np.array(categorize_tokens(text, (0.8, 0.95))))
    assert 0.8 <= shares["high"] < 0.82
    assert sum(shares.values()) == pytest.approx(1)


# Bad input

BAD = [
    ("optimised", {}, "layout 'optimised' is unknown; expected one of optimized, initial"),
    ("adaptive", {}, "layout 'adaptive': missing a required argument: 'cutoffs'"),
    ("optimized", {"cutoff": 1}, "layout 'optimized': got an unexpected keyword argument 'cutoff'"),
    ("adaptive", {"cutoffs": [20, 60, 120], "factor": 8}, r"found band widths \[32, 4, 0, 0\] at D = 32"),
    ("adaptive", {"cutoffs": [20, 200]}, "expected ranks between 0 and vocab_size = 200"),
    ("adaptive", {"cutoffs": [60, 20]}, r"ranks: found \[60, 20\]; expected rising ranks"),
    ("mixed", {"blocks": [50, 100], "alpha": 0.5}, "blocks hold 150 tokens; expected vocab_size = 200"),
    ("mixed", {"blocks": [50, 150, None], "alpha": 0.5}, "expected as many positive queries as positive blocks"),
    ("mixed", {"blocks": [0, 200], "alpha": 0.5}, "expected as many positive queries as positive blocks"),
    ("mixed", {"blocks": [50, 150], "alpha": -1}, "and alpha >= 0"),
    ("optimized", {"categories": {"quantiles": [0.1, 0.2]}}, "rule 'quantiles' is unknown"),
    ("optimized", {"categories": {"cumulative": [0.8, 1.2]}}, "expected rising shares between 0 and 1"),
    ("optimized", {"categories": {"cumulative": [0.8]}}, "found 2 categories for 3 widths"),
    ("optimized", {"categories": {}}, "expected one of cumulative, ranks, types"),
    ("optimized", {"tables": "big"}, "tables 'big' is unknown"),
    ("ultra_efficient", {"shared_rows": 0}, "shared_rows: found 0; expected at least 1"),
    ("uniform_budget", {}, "found of None, parameters None; expected one of them"),
    ("uniform_budget", {"of": {}}, "layout '' is unknown"),
]


@pytest.mark.parametrize(("name", "options", "message"), BAD)
def test_options_that_cannot_be_used(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        scheme(name, 200, 32, **options)
    assert str(error.value).startswith("config: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "full_width"), [("optimized", 2), ("initial", 1), ("scaling", 3), ("ultra_efficient", 7)]
)
def test_a_width_of_zero(name: str, full_width: int) -> None:
    with pytest.raises(InputError, match=r"^config: layout: found band widths .* 0\] at D = \d; expected at least 1$"):
        scheme(name, 200, full_width)


def test_powers_of_two_above_the_models_width() -> None:
    with pytest.raises(InputError, match=r"widths \[256, 128\] exceed D = 200"):
        scheme("mixed", 200, 200, blocks=[50, 150], alpha=0.5, powers_of_two=True)


@pytest.mark.parametrize(
    ("categories", "sizes"),
    [
        ({"cumulative": [0.8, 0.95]}, r"\[1, 0, 199\]"),
        ({"types": [0.1, 0.2]}, r"\[0, 0, 200\]"),
        ({"ranks": [20, 200]}, r"\[20, 180, 0\]"),
        ({"ranks": [20, -5]}, r"\[20, -24, 204\]"),
    ],
)
def test_an_empty_category(categories: dict[str, list[float]], sizes: str) -> None:
    counts = np.zeros(200)
    counts[7] = 100  # one observed type
    made = scheme("optimized", 200, 128, categories=categories)
    with pytest.raises(InputError, match=rf"^config: categories: .* comes out empty \(sizes {sizes} of 200 tokens"):
        made.layout(counts)


def test_a_budget_that_no_layout_meets() -> None:
    made = scheme("uniform_budget", 200, 128, parameters=327)
    with pytest.raises(InputError, match=r"budget of 327 parameters is met by no uniform layout: .* 200 \+ 128$"):
        made.layout(np.ones(200))
    assert scheme("uniform_budget", 200, 128, parameters=328).layout(np.ones(200)).parameter_count() == 328


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.ones(199), "token counts: found 199 of them; expected vocab_size = 200"),
        (np.zeros(200), "token counts: found a negative, infinite or all-zero count"),
        (np.full(200, np.nan), "token counts: found a negative, infinite or all-zero count"),
        (np.arange(200) - 1, "token counts: found a negative, infinite or all-zero count"),
    ],
)
def test_counts_that_do_not_fit(counts: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        check_counts(counts, 200)


def test_ids_beyond_the_vocabulary() -> None:
    check_ids(0, 199, 200)
    for lowest, highest, found in ((0, 200, 200), (-1, 5, -1)):
        with pytest.raises(InputError, match=rf"^token ids: found {found}; expected 0 to 199 \(vocab_size = 200\)$"):
            check_ids(lowest, highest, 200)


def test_scores_of_impossible_ratios() -> None:
    for ratios in ((0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0)):
        with pytest.raises(InputError, match="expected positive ones"):
            efficiency_score(*ratios)
    with pytest.raises(InputError, match="found 4 bands; expected one of each name"):
        usage_distribution(np.ones(4), np.arange(4))


def test_every_name_is_a_layout() -> None:
    assert set(SCHEMES) == {
        "optimized", "initial", "scaling", "ultra_efficient", "adaptive", "mixed", "uniform", "uniform_projected",
        "uniform_budget",
    }  # fmt: skip
