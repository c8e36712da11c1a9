"""What the arms of a run are: method, family, size, role, name and look, from the studies' files."""

from typing import Any

import pandas as pd
import pytest
import views

from tokentrial import results
from tokentrial.run import methods
from tokentrial.run.columns import METHODS, Method
from tokentrial.run.view import records
from tokentrial.schema.declared import Study

SHIPPED = views.ROOT / "results/reference"
ROLES = {
    "learned_encoding": {"own": ["learned"], "baseline": ["autoencoder"], "as released": ["noise_walk", "traditional"]},
    "language_models": {
        "own": ["learned", "learned_twice", "bespoke"],
        "baseline": ["autoencoder"],
        "as released": ["autoencoder_released", "learned_masked", "autoencoder_released_masked"],
    },
    "bespoke": {"own": ["bespoke"], "baseline": ["standard"]},
    "cramming": {"own": ["tuned", "tuned_long", "progressive"], "as released": ["paper"], "bound": ["model"]},
    "real_model": {
        "own": ["bands", "bit_bands", "learned", "learned_svd"],
        "baseline": [
            *("full", "svd", "svd_counted", "tensor_train", "hash", "qr"),
            *("autoencoder", "autoencoder_direction", "autoencoder_deep", "autoencoder_deep_direction"),
            "autoencoder_finetuned",
        ],
    },
}


def described(arms: list[str], **declared: dict[str, Any]) -> dict[str, Method]:
    """Arm -> what it is, in a study with these methods."""
    empty: dict[str, Any] = {"title": "A study", "real_text": False, "experiments": {}}
    study = Study.model_validate(
        {**empty, "question": {"encodings": [], "baselines": []}, "methods": declared, "layouts": {"wide": "very wide"}}
    )
    rows = methods.table({"own": study}, pd.DataFrame({"study": "own", "arm": arms}))
    return {row["arm"]: Method(**row) for row in records(rows, METHODS)}


def test_the_shipped_arms_are_described_as_the_shipped_table_says() -> None:
    arms = results.read(str(SHIPPED / "arms.parquet"), results.ARMS).to_pandas()
    table = results.table(views.typed(methods.table(views.shipped_names(), arms), METHODS), METHODS)
    assert table.equals(results.read(str(SHIPPED / "methods.parquet"), METHODS))


@pytest.mark.parametrize("study", views.studies())
def test_every_shipped_arm_has_its_columns(study: str) -> None:
    shipped = results.read(str(SHIPPED / "methods.parquet"), METHODS).to_pandas()
    rows = shipped[shipped["study"] == study]
    assert rows["arm"].is_unique and not rows[["arm", "method", "family", "role", "name"]].eq("").any(axis=None)
    for _, row in rows.iterrows():
        # the method and the size are the arm's name; a ratio is a size in digits
        assert row["arm"] == (row["method"] if pd.isna(row["size"]) else f"{row['method']}-{row['size']}")
        assert pd.isna(row["ratio"]) or str(int(row["ratio"])) == row["size"]
        roles = [role for role, names in ROLES[study].items() if row["method"] in names]
        assert row["role"] == (roles or ["control"])[0], row["arm"]
    looks = rows[["label", "color", "marker", "marker_size"]].notna()
    assert (looks.all(axis=1) == looks.any(axis=1)).all()


def test_an_arm_is_a_method_and_a_size() -> None:
    names = ["learned-2", "int8", "svd-2", "svd", "pq_16", "mine_v2"]
    arms = described(names, learned={"role": "own"}, int={"name": "integers"}).values()
    assert [(each.method, each.family, each.size, each.ratio, each.name) for each in arms] == [
        ("learned", "learned", "2", 2, "learned 2:1"),
        ("int8", "int", None, None, "integers (int8)"),
        ("svd", "svd", "2", 2, "svd 2:1"),
        ("svd", "svd", None, None, "svd"),
        ("pq_16", "pq_16", None, None, "pq 16"),  # no method 'pq' is declared, so the number is a part of the name
        ("mine_v2", "mine_v2", None, None, "mine v2"),
    ]


def test_what_follows_a_hyphen_is_a_size_only_if_an_own_encoding_has_it() -> None:
    arms = described(["bespoke-wide", "budget-wide", "budget-narrow", "my-encoder"], bespoke={"role": "own"}).values()
    assert [(each.method, each.size, each.name) for each in arms] == [
        ("bespoke", "wide", "bespoke, very wide"),
        ("budget", "wide", "budget, very wide"),
        ("budget-narrow", None, "budget-narrow"),
        ("my-encoder", None, "my-encoder"),
    ]
    declared = described(["my-encoder", "other-encoder"], **{"my-encoder": {"role": "own", "name": "mine"}}).values()
    assert [(each.method, each.size, each.role, each.name) for each in declared] == [
        ("my-encoder", None, "own", "mine"),
        ("other-encoder", None, "control", "other-encoder"),
    ]


def test_methods_are_in_their_files_order_and_sizes_in_the_runs() -> None:
    arms = ["late", "b-8", "int4", "a-8", "b-2", "a-2", "early", "int8"]
    in_order = described(arms, a={"role": "own"}, int={}, b={})
    assert list(in_order) == ["a-8", "a-2", "int4", "int8", "b-8", "b-2", "late", "early"]


def test_names_and_looks_of_a_method_before_those_of_its_family() -> None:
    look = {"color": "blue", "marker": "o"}
    bits = {"int": {"name": "quantised", "look": look}, "int4": {"look": {**look, "label": "four bits", "size": 3.0}}}
    arms = described(["int8", "int4", "walk"], **bits)
    assert [(each.name, each.label, each.color, each.marker, each.marker_size) for each in arms.values()] == [
        ("quantised (int8)", "quantised", "blue", "o", 4.0),
        ("int4", "four bits", "blue", "o", 3.0),
        ("walk", None, None, None, None),
    ]


def test_a_study_without_a_file_has_controls_alone() -> None:
    rows = methods.table({}, pd.DataFrame({"study": ["a", "b", "b"], "arm": ["learned", "learned", "x_y-2"]}))
    assert rows[["study", "arm", "role", "name"]].to_numpy().tolist() == [
        ["a", "learned", "control", "learned"],
        ["b", "learned", "control", "learned"],
        ["b", "x_y-2", "control", "x y 2:1"],
    ]


@pytest.mark.parametrize(
    ("study", "arm", "name", "family_name", "size_name"),
    [
        ("bespoke", "bespoke-ultra", "bespoke, ultra-efficient", "bespoke", "ultra-efficient"),
        ("bespoke", "permuted-ultra", "bands permuted, ultra-efficient", "bands permuted", "ultra-efficient"),
        ("bespoke", "standard_fast", "standard fast", "standard fast", None),
        ("language_models", "pca-8", "PCA 8:1", "PCA", "8:1"),
        ("language_models", "pq_16", "product quantised (pq_16)", "product quantised", None),
        ("language_models", "full", "full table", "full table", None),
    ],
)
def test_a_name_is_that_of_the_method_and_of_the_size(
    study: str, arm: str, name: str, family_name: str, size_name: str | None
) -> None:
    arms = pd.DataFrame([(study, "bespoke-ultra"), (study, arm)], columns=["study", "arm"])  # a layout of its own arms
    row = {row["arm"]: row for row in records(methods.table(views.shipped_names(), arms), METHODS)}[arm]
    assert (row["name"], row["family_name"], row["size_name"]) == (name, family_name, size_name)


def test_versions_of_an_own_method_are_methods_of_their_own() -> None:
    arms = described(["mine_v2", "mine_v3", "My-Own-TT"], **{"My-Own-TT": {"role": "own"}}).values()
    assert [(each.method, each.family, each.size, each.role) for each in arms] == [
        ("My-Own-TT", "My-Own-TT", None, "own"),
        ("mine_v2", "mine_v2", None, "control"),
        ("mine_v3", "mine_v3", None, "control"),
    ]
