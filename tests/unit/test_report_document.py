"""The report's placeholders, its first page's scale, its checks, and the collected guesses."""

from pathlib import Path

import pandas as pd
import pytest

from tokentrial import config as settings
from tokentrial.report import deviations, document
from tokentrial.report.headline import headline
from tokentrial.report.template import TemplateError, fill

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"


def test_fill_replaces_every_placeholder() -> None:
    assert fill("{{ a.b }} of {{a.b}}, {{ c }}", {"a.b": "3", "c": "x"}) == "3 of 3, x"


@pytest.mark.parametrize(
    ("values", "named"),
    [({"a": "1"}, "without a value: b"), ({"a": "1", "b": "2", "c": "3"}, "no placeholder uses: c")],
)
def test_fill_refuses_unresolved_and_unused_names(values: dict[str, str], named: str) -> None:
    with pytest.raises(TemplateError, match=named):
        fill("{{ a }} {{ b }}", values)


@pytest.mark.parametrize(
    ("overlays", "name"),
    [
        ([], "the default run"),
        (["smoke.yaml"], "a smoke run"),
        (["paper.yaml"], "the full run"),
    ],
)
def test_the_scale_is_named_by_the_config(overlays: list[str], name: str) -> None:
    config = settings.load(CONFIG / "config.yaml", *(CONFIG / overlay for overlay in overlays))
    assert document.scale_name(config)[0] == name


def test_a_changed_config_is_not_presented_as_a_shipped_one() -> None:
    config = settings.merge(settings.load(CONFIG / "config.yaml"), {"seeds": 11})
    assert document.scale_name(config)[0] == "a run with its own config"


def test_escape_leaves_nothing_for_typst_to_interpret() -> None:
    assert document.escape("a_b #c $d *e @f [g]") == "a\\_b \\#c \\$d \\*e \\@f \\[g\\]"


def curve(condition: str, arm: str, values: dict[int, float]) -> pd.DataFrame:
    rows = [(condition, arm, seed, step, value) for seed in (0, 1) for step, value in values.items()]
    return pd.DataFrame(rows, columns=["condition", "arm", "seed", "step", "value"])


def test_an_arm_that_still_improves_is_counted() -> None:
    cell = "learned_encoding/compression/done-right/v20"
    flat = curve(cell, "learned", {0: 3.0, 50: 2.0, 100: 1.995})
    falling = curve(cell, "full", {0: 3.0, 50: 2.0, 100: 1.9})
    walk = curve(cell, "noise_walk", {0: 3.0, 50: 2.0, 100: 1.0})
    bounds = pd.DataFrame([{"condition": cell, "metric": "cross_entropy", "chance": 3.0, "floor": 1.0}])
    found = document.convergence_values(pd.concat([flat, falling, walk]), bounds)
    assert found == {"checks.improving": "1", "checks.gradient_arms": "2"}


def comparison(cell: str, difference: float, p_holm: float, equivalent: bool) -> dict[str, object]:
    condition = f"learned_encoding/compression/done-right/{cell}"
    names = {"condition": condition, "metric": "cross_entropy", "arm_b": "autoencoder", "n": 10}
    return {**names, "difference": difference, "p_holm": p_holm, "equivalent": equivalent}


def test_headline_counts_outcomes_and_cells_where_nothing_was_learned() -> None:
    statistics = pd.DataFrame(
        [
            comparison("a", -0.1, 0.001, False),
            comparison("b", 0.1, 0.001, True),
            comparison("c", -0.2, 0.2, False),
            {**comparison("d", -9.0, 0.0, False), "arm_b": "pca"},
        ]
    )
    flags = [("a", "ok", "ok"), ("b", "unigram", "untrained"), ("c", "unigram", "ok")]
    summary = pd.DataFrame(
        [
            {
                "condition": f"learned_encoding/compression/done-right/{cell}",
                "arm": arm,
                "metric": "cross_entropy",
                "flag": flag,
            }
            for cell, learned, autoencoder in flags
            for arm, flag in (("learned", learned), ("autoencoder", autoencoder))
        ]
    )
    row = headline(statistics, summary).iloc[0]
    assert (row["Comparisons"], row["Learned better"], row["Learned worse"], row["Equivalent"]) == (3, 1, 1, 1)
    assert (row["Smallest difference"], row["Largest difference"], row["Nothing learned"]) == (-0.2, 0.1, 1)


def test_paragraphs_end_where_the_comment_or_docstring_ends() -> None:
    lines = ["# ASSUME: one", "# goes on", "x = 1  # not this", '"""Doc.', "", "ASSUME: two", "too.", '"""', "y = 2"]
    assert deviations.paragraphs(lines) == ["one goes on", "two too."]


def test_the_page_of_deviations_is_in_step_with_the_code() -> None:
    made = deviations.as_markdown(deviations.assumptions(CONFIG / "config.yaml"))
    assert (ROOT / "docs" / "deviations.md").read_text() == made
