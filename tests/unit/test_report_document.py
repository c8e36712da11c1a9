"""The report's placeholders, its first page's scale, its checks, and the collected guesses."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import views

from tokentrial import config as settings
from tokentrial import shipped
from tokentrial.report import deviations
from tokentrial.report.headline import COLUMNS, central, headline
from tokentrial.report.scale import spread
from tokentrial.report.template import TemplateError, escape, fill
from tokentrial.schema import study_files

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
    config = study_files.default(ROOT, *(CONFIG / overlay for overlay in overlays))
    assert shipped.scale_name(config)[0] == name


def test_a_changed_config_is_not_presented_as_a_shipped_one() -> None:
    config = settings.merge(study_files.default(ROOT), {"seeds": 11})
    assert shipped.scale_name(config)[0] == "a run with its own config"


def test_escape_leaves_nothing_for_typst_to_interpret() -> None:
    assert escape("a_b #c $d *e @f [g]") == "a\\_b \\#c \\$d \\*e \\@f \\[g\\]"


def curve(condition: str, arm: str, values: dict[int, float]) -> pd.DataFrame:
    rows = [(condition, arm, seed, step, value) for seed in (0, 1) for step, value in values.items()]
    return pd.DataFrame(rows, columns=["condition", "arm", "seed", "step", "value"])


def comparison(cell: str, difference: float, p_holm: float, equivalent: bool, **values: object) -> dict[str, object]:
    """A row of results.STATISTICS, in nats; keywords replace its columns."""
    condition = f"learned_encoding/compression/done-right/{cell}"
    names = {"study": "learned_encoding", "condition": condition, "metric": "cross_entropy"}
    arms = {"arm_a": "learned", "arm_b": "autoencoder", "n": 10}
    return {**names, **arms, "difference": difference, "p_holm": p_holm, "equivalent": equivalent, **values}


def flags(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Rows of results.SUMMARY from (condition, arm, flag)."""
    names = ("condition", "arm", "flag")
    return pd.DataFrame(rows, columns=names).assign(metric="cross_entropy")


def test_headline_counts_outcomes_and_cells_where_nothing_was_learned() -> None:
    statistics = pd.DataFrame(
        [
            comparison("a", -0.1, 0.001, False),
            comparison("b", 0.1, 0.001, True),
            comparison("c", -0.2, 0.2, False),
            comparison("d", -9.0, 0.0, False, arm_b="pca"),
            comparison("e", -9.0, 0.0, False, metric="accuracy"),
            comparison("f", -9.0, 0.0, False, condition="learned_encoding/compression/as-described/f"),
        ]
    )
    cell = "learned_encoding/compression/done-right"
    found = [("a", "ok", "ok"), ("b", "unigram", "untrained"), ("c", "unigram", "ok")]
    summary = flags(
        *[(f"{cell}/{name}", "learned", flag) for name, flag, _ in found],
        *[(f"{cell}/{name}", "autoencoder", flag) for name, _, flag in found],
    )
    [row] = headline(views.view(statistics=statistics, summary=summary)).to_dict("records")
    assert row == {
        "Experiment": "Compression ratios (001)", "Comparisons": 3, "Seeds": 10, "Equal training": 0, "Better": 1,
        "Worse": 1, "Equivalent": 1, "Smallest difference": -0.2, "Largest difference": 0.1, "Nothing learned": 1,
    }  # fmt: skip


def of(study: str, experiment: str, arm_a: str, arm_b: str, difference: float = -0.1, p: float = 0.001) -> Any:
    """A comparison of any study."""
    cell = {"study": study, "condition": f"{study}/{experiment}/done-right/cell", "arm_a": arm_a, "arm_b": arm_b}
    return comparison("", difference, p, False, **cell)


def test_headline_has_a_row_for_every_experiment_of_every_study() -> None:
    """An arm of a size is its method's: the learned encoding of any ratio, against the autoencoder of that ratio."""
    statistics = pd.DataFrame(
        [
            of("learned_encoding", "markov", "learned", "autoencoder", 0.5),
            of("learned_encoding", "markov", "learned", "full"),
            of("language_models", "transformer", "learned-2", "autoencoder-2", -0.3),
            of("language_models", "transformer", "learned-16", "autoencoder-16", 0.4, p=0.06),
            of("language_models", "transformer", "learned_twice-2", "autoencoder-2"),  # not the documents' own
            of("language_models", "transformer", "learned-2", "svd-2"),
            of("language_models", "transformer", "learned-2", "full"),
            of("language_models", "lstm", "learned-8", "autoencoder_deep-8"),
            of("bespoke", "scaling", "bespoke-scaling", "standard", 0.2),
            of("bespoke", "scaling", "bespoke-scaling", "budget-scaling"),
            of("language_models", "bespoke", "bespoke-initial", "full", -0.6),
            of("language_models", "bespoke", "bespoke-initial", "autoencoder"),
        ]
    )
    helpless = [
        ("language_models/transformer/done-right/cell", arm, "unigram") for arm in ("learned-2", "autoencoder-2")
    ]
    view = views.view(statistics=statistics, summary=flags(*helpless), corpus="My letters")
    made = headline(view).set_index("Experiment")
    assert list(made.index) == [
        "Markov chains (000)",
        "My letters, Transformer (002)",
        "Corpus sizes (003)",
        "Bespoke on My letters (003)",
    ]
    assert list(made["Comparisons"]) == [1, 2, 1, 1]
    assert list(made["Better"]) == [0, 1, 0, 1]
    assert list(made["Worse"]) == [1, 0, 1, 0]  # of the Transformer's two, one is not significant
    assert list(made["Smallest difference"]) == [0.5, -0.3, 0.2, -0.6]
    assert list(made["Largest difference"]) == [0.5, 0.4, 0.2, -0.6]
    assert list(made["Nothing learned"]) == [0, 1, 0, 0]  # the pair of that size alone


def test_the_headline_takes_the_encoding_of_equal_training_where_there_is_one() -> None:
    """The autoencoder starts from a table that the full arm trained: learned for twice the epochs is its equal."""
    condition = "language_models/transformer/done-right/bpe"

    def pair(arm: str, other: str, difference: float) -> dict[str, Any]:
        return of("language_models", "transformer", arm, other, difference) | {"condition": condition}

    statistics = pd.DataFrame(
        [
            pair("learned-2", "autoencoder-2", 0.1),
            pair("learned_twice-2", "autoencoder-2", -0.2),
            pair("learned-8", "autoencoder-8", 0.3),
        ]
    )
    steps = {"full": (315, 0), "learned-2": (315, 0), "learned_twice-2": (630, 0), "learned-8": (315, 0)}
    steps |= {"autoencoder-2": (315, 315), "autoencoder-8": (315, 315)}
    arms = pd.DataFrame(
        [
            {"study": "language_models", "condition": condition, "arm": arm, "steps": last, "steps_before": before}
            for arm, (last, before) in steps.items()
        ]
    ).reindex(columns=views.SCHEMAS["arms"].names)
    view = views.view(statistics=statistics, arms=arms)
    compared = central(view)
    assert list(zip(compared["arm_a"], compared["arm_b"], compared["equal_training"], strict=True)) == [
        ("learned_twice-2", "autoencoder-2", True),
        ("learned-8", "autoencoder-8", False),
    ]
    [row] = headline(view).to_dict("records")
    assert (row["Comparisons"], row["Equal training"], row["Smallest difference"]) == (2, 1, -0.2)


def test_the_experiment_of_variants_is_about_the_variants() -> None:
    """Its standard autoencoder repeats another experiment's conditions and is not counted twice."""
    others = ("autoencoder", "autoencoder_deep", "autoencoder_relu", "pca")
    rows = pd.DataFrame([of("learned_encoding", "baselines", "learned", arm) for arm in others])
    assert list(central(views.view(statistics=rows))["arm_b"]) == ["autoencoder_deep", "autoencoder_relu"]


def test_one_name_in_two_studies_is_two_rows() -> None:
    rows = pd.DataFrame(
        [
            of("learned_encoding", "own", "learned", "autoencoder"),
            of("language_models", "own", "learned-2", "autoencoder-2"),
        ]
    )
    assert list(headline(views.view(statistics=rows))["Experiment"]) == ["own", "own"]


@pytest.mark.parametrize(
    "rows",
    [
        [of("language_models", "transformer", "learned-2", "full")],
        [of("language_models", "transformer", "learned-2", "autoencoder-2") | {"metric": "accuracy"}],
    ],
)
def test_a_run_without_such_comparisons_has_an_empty_headline(rows: list[dict[str, Any]]) -> None:
    empty = headline(views.view(statistics=pd.DataFrame(rows)))
    assert empty.empty
    assert list(empty) == COLUMNS
    some = pd.DataFrame([comparison("a", -0.1, 0.01, False)])
    assert list(headline(views.view(statistics=some))) == COLUMNS


# The chapters


def arms_of(study: str, way: str, count: int, **values: object) -> pd.DataFrame:
    conditions = [
        f"{study}/sub/{way}/cell-{k}" if way != "as-released" else f"{study}/{way}/s{k}" for k in range(count)
    ]
    row = {
        "study": study,
        "arm": "learned",
        "seeds": 3,
        "steps": 40.0,
        "wall_seconds": 60.0,
        "trained_as": None,
        **values,
    }
    return pd.DataFrame([{**row, "condition": condition} for condition in conditions])


@pytest.mark.parametrize(("values", "text"), [([], "none"), ([3, 3], "3"), ([3, 2000], "3 to 2,000")])
def test_spreads(values: list[int], text: str) -> None:
    assert spread(pd.Series(values, dtype=float)) == text


def test_paragraphs_end_where_the_comment_or_docstring_ends() -> None:
    lines = ["# ASSUME: one", "# goes on", "x = 1  # not this", '"""Doc.', "", "ASSUME: two", "too.", '"""', "y = 2"]
    assert deviations.paragraphs(lines) == ["one goes on", "two too."]


def test_the_page_of_deviations_is_in_step_with_the_code() -> None:
    made = deviations.as_markdown(deviations.assumptions(ROOT))
    assert (ROOT / "docs" / "deviations.md").read_text() == made
