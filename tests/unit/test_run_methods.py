"""What an arm is called for readers: its whole name, that of its method, and that of its size."""

from pathlib import Path

import pandas as pd
import pytest

from tokentrial.run import declared, methods
from tokentrial.run.columns import METHODS
from tokentrial.run.view import records

STUDIES = declared.load(sorted(Path(__file__).parents[2].glob("studies/*.yaml")))


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
    row = {row["arm"]: row for row in records(methods.table(STUDIES, arms), METHODS)}[arm]
    assert (row["name"], row["family_name"], row["size_name"]) == (name, family_name, size_name)
