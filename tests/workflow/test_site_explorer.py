"""The explorer in a real headless Chromium: its points, intervals and files are those of the run's rows."""

import base64
import csv
import json
import zlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from site_pages import ARM, CHROMIUM, COMPRESSION, NAMES, Opener, hostile_frames

chromium = pytest.mark.skipif(CHROMIUM is None, reason=f"needs a browser: none of {', '.join(NAMES)} found")


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    return hostile_frames()


def drawn(page: Page, layer: str) -> list[dict[str, Any]]:
    """What the chart shows, from Vega's own scene."""
    page.wait_for_function("window.site.view")
    found: list[dict[str, Any]] = page.evaluate(
        """layer => { const found = [];
        const visit = item => {
          if (item.name === `${layer}_marks`) found.push(...item.items.map(one => ({ ...one.datum, x: one.x })));
          (item.items ?? []).forEach(visit);
        };
        visit(window.site.view.scenegraph().root); return found; }""",
        layer,
    )
    return found


def test_what_the_explorer_has_is_what_was_measured(site: Path, frames: dict[str, pd.DataFrame]) -> None:
    """Every final row of the study, to nine digits."""
    text = (site / "data/learned_encoding.js").read_text(encoding="utf-8")
    data = json.loads(zlib.decompress(base64.b64decode(text.partition(' = "')[2].removesuffix('";\n'))))
    rows = {
        (each["id"], level[1], measure["metric"], measure["split"], seed): value
        for experiment in data["experiments"]
        for each in experiment["conditions"]
        for level in each["levels"]
        for measure in [data["measures"][level[0]]]
        for seed, value in zip(level[6] if len(level) > 6 else range(len(level[5])), level[5], strict=True)
    }
    runs = frames["runs"][frames["runs"]["study"] == "learned_encoding"]
    keys = runs[["condition", "arm", "metric", "split", "seed"]].itertuples(index=False, name=None)
    assert rows == {key: pytest.approx(value, rel=1e-8) for key, value in zip(keys, runs["value"], strict=True)}
    assert len(rows) > 2000


@chromium
def test_points_and_intervals_are_those_of_the_rows(
    opened: Opener, frames: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    page = opened(f"{COMPRESSION}&arm=learned&arm=pca")
    points, means = drawn(page, "seeds"), drawn(page, "means")
    runs = frames["runs"]
    chosen = runs[
        runs["condition"].isin(compression(frames))
        & runs["arm"].isin(["learned", "pca"])
        & (runs["metric"] == "cross_entropy")
        & (runs["split"] == "test")
    ]
    keys = list(zip(chosen["condition"], chosen["arm"], chosen["seed"], strict=True))
    assert {(each["id"], each["arm"], each["seed"]): each["value"] for each in points} == {
        key: pytest.approx(value, rel=1e-8) for key, value in zip(keys, chosen["value"], strict=True)
    }
    summary = frames["summary"].set_index(["condition", "arm", "metric"])
    for each in means:
        level = summary.loc[(each["id"], each["arm"], "cross_entropy")]
        assert [each[name] for name in ("mean", "low", "high")] == pytest.approx(
            level[["mean", "low", "high"]].tolist(), rel=1e-6
        )
    assert len({each["x"] for each in means}) > 10
    with page.expect_download() as download:
        page.get_by_role("button", name="Download these rows as CSV").click()
    download.value.save_as(tmp_path / "rows.csv")
    saved = list(csv.DictReader((tmp_path / "rows.csv").open(encoding="utf-8")))
    assert sorted((row["condition"], row["arm"], int(row["seed"])) for row in saved) == sorted(keys)


def compression(frames: dict[str, pd.DataFrame]) -> list[str]:
    rows = frames["conditions"]
    return list(rows["condition"][(rows["experiment"] == "compression") & (rows["way"] == "done-right")])


@chromium
def test_differences_have_the_intervals_of_the_statistics(opened: Opener, frames: dict[str, pd.DataFrame]) -> None:
    page = opened(f"{COMPRESSION}&arm=learned&against={ARM}")
    means = {each["id"]: each for each in drawn(page, "means")}
    rows = frames["statistics"]
    rows = rows[(rows["arm_a"] == "learned") & (rows["arm_b"] == ARM) & (rows["metric"] == "cross_entropy")].set_index(
        "condition"
    )
    assert set(means) == set(compression(frames))
    for name, each in means.items():
        expected = rows.loc[name, ["difference", "t_low", "t_high"]].tolist()
        assert [each[end] for end in ("mean", "low", "high")] == pytest.approx(expected, rel=1e-6, abs=1e-12)


@chromium
def test_a_view_of_the_explorer_is_in_its_link(opened: Opener) -> None:
    page = opened("explorer.html")
    drawn(page, "means")
    page.locator("#experiment").select_option(label="Compression ratios (001), done right")
    page.locator("#condition").select_option(label="8:1, Zipf chain, V = 100")
    page.locator("#metric").select_option(label="accuracy, test data")
    page.get_by_role("checkbox", name="PCA").check()
    expect(page.locator("#said")).to_contain_text("30 points of 3 arms in 1 condition")
    link = page.url
    again = opened(link.rpartition("/")[2])
    expect(again.locator("#said")).to_contain_text("30 points of 3 arms in 1 condition")
    expect(again.locator("#metric").locator("option:checked")).to_have_text("accuracy, test data")
    page.go_back()
    expect(page.locator("#said")).to_contain_text("20 points of 2 arms")
    colour = "getComputedStyle(document.querySelector('#chart svg text')).fill"
    before = page.evaluate(colour)
    page.locator("#theme").click()
    page.wait_for_function(f"{colour} !== '{before}'")
    page.goto(page.url.partition("?")[0] + "?study=none&experiment=x&arm=y")
    expect(page.locator("#said")).to_contain_text("points of")
