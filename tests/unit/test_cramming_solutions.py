"""Solutions of texts: float32 decides what is solved, texts that grow from them, and what is measured of them."""

import json
from pathlib import Path
from typing import Any

import cramming_models as models
import cramming_runs as synthetic
import numpy as np
import pandas as pd
import pytest
import test_cramming_job as jobs
import torch

from tokentrial import results
from tokentrial.cramming import bits, folders, measures, probes
from tokentrial.cramming.decode import Reader, greedy_prefix, scores
from tokentrial.cramming.engine import Cramming, Settings
from tokentrial.cramming.job import run_cramming
from tokentrial.cramming.keeping import Keeping
from tokentrial.cramming.progressive import Extension, extensions
from tokentrial.cramming.texts import Texts, start_vectors
from tokentrial.errors import InputError

TUNED = jobs.TUNED | {"steps": 60}
SPEC = jobs.SPEC | {
    "kinds": ["text-test"], "lengths": [2, 4, 12], "vectors": [1], "texts": 6, "controls": [],
    "arms": {"tuned": TUNED, "grown": TUNED | {"progressive": True}},
    "probes": ["bits", "dimensions", "line", "following"],
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return models.write_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def folder(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    return models.write(tmp_path_factory.mktemp("model") / "tiny", models.trained(files, 120), files)


@pytest.fixture(scope="module")
def reader(folder: str) -> Reader:
    return Reader.of(folders.read(folder))


@pytest.fixture(scope="module")
def done(files: dict[str, str], folder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("done")
    run_cramming(**jobs.arguments(SPEC, folder, files, out))
    return out


@pytest.fixture(scope="module")
def values(done: Path) -> pd.DataFrame:
    """A row for each text, arm and length: columns are metrics."""
    results.read(done / "runs.parquet", results.RUNS)
    rows = jobs.wide(pd.read_parquet(done / "runs.parquet"))
    return rows.assign(length=rows["condition"].str.extract(r"n-(\d+)-m")[0].astype(int))


# float32 decides


def test_what_bfloat16_claims_float32_decides(files: dict[str, str]) -> None:
    """Of the texts that bfloat16 has solved, some are not, and some only at a later step."""
    model = models.untrained("llama", files, scale=10.0)
    ids, start = models.random_ids(64, 2), models.random_vectors(64, 1, model)
    work = Cramming(Reader.of(model, "bfloat16"), ids.unsqueeze(1), start, Settings.of(TUNED | {"steps": 80}, "tuned"))
    while not work.done:
        work.step()
    claimed, solved = work.records.claimed, work.records.solved
    assert int((claimed > 0).sum()) > int((solved > 0).sum()) > 0
    assert bool((solved[solved > 0] >= claimed[solved > 0]).all()) and bool((claimed[solved > 0] > 0).all())
    assert bool((solved > claimed).any())
    _, hit = scores(Reader.of(model), work.records.vectors, ids, predict_first=False)
    assert torch.equal(hit.all(1), solved > 0)


def test_a_row_says_both_precisions(files: dict[str, str], folder: str, tmp_path: Path) -> None:
    """Scores in float32, whose values do not depend on the precision of the search where nothing was searched."""
    rounded = SPEC | {"precision": "bfloat16", "arms": {"tuned": TUNED}, "lengths": [3], "probes": []}
    frames = {}
    for precision in ("float32", "bfloat16"):
        out = tmp_path / precision
        out.mkdir()
        run_cramming(**jobs.arguments(rounded | {"precision": precision}, folder, files, out))
        frames[precision] = pd.read_parquet(out / "runs.parquet")
    found, exact = (jobs.wide(frames[name]) for name in ("bfloat16", "float32"))
    assert set(found) - set(exact) == {"accuracy_bfloat16", "solved_step_bfloat16"}
    for name in ("accuracy_without", "cross_entropy_without"):
        pd.testing.assert_series_equal(found[name], exact[name])
    facts = [frame[frame["arm"] == "model"].reset_index(drop=True) for frame in frames.values()]
    pd.testing.assert_frame_equal(*facts)
    assert ((found["accuracy"] == 1) == found["solved_step"].notna()).all()
    assert (found["greedy_exact"] <= (found["accuracy"] == 1)).all()


# Progressive cramming


def test_extensions_take_every_length() -> None:
    expected = [Extension("grown", 1, length) for length in (3, 4, 5)] + [
        Extension("grown", 2, length) for length in (6, 7)
    ]
    assert extensions("grown", [(3, 1), (5, 1), (6, 2), (7, 2)]) == expected


def test_a_text_grows_from_its_last_solution_until_it_fails(
    values: pd.DataFrame, reader: Reader, files: dict[str, str]
) -> None:
    """As a loop over one text at a time does."""
    grown = values[values["arm"] == "grown"].sort_values(["seed", "length"])
    texts = Texts(reader, files, SPEC["seed"], SPEC["texts"], 12).ids("text-test", 12)
    for index in range(SPEC["texts"]):
        own = grown[grown["seed"] == index]
        lengths, vectors = [], start_vectors(reader.model, SPEC["seed"], "text-test", index, 1).unsqueeze(0)
        for length in range(2, 13):
            ids = texts[index : index + 1, :length]
            work = Cramming(reader, ids.unsqueeze(1), vectors, Settings.of(TUNED, "grown"))
            while not work.done:
                work.step()
            lengths.append(length)
            vectors = work.records.vectors
            if greedy_prefix(reader, vectors, ids, predict_first=False).item() < length - 1:
                break
        assert own["length"].tolist() == lengths
        assert own["warm_start"].tolist() == [0.0] + [1.0] * (len(lengths) - 1)
        assert own["greedy_exact"].tolist()[:-1] == [1.0] * (len(lengths) - 1)
    assert grown.groupby("seed")["length"].max().nunique() > 1  # each text has a horizon of its own


def test_an_arm_that_grows_needs_one_text(folder: str, files: dict[str, str], tmp_path: Path) -> None:
    for changes, reason in (
        ({"kinds": ["shuffled"]}, "found 'shuffled', another text at every length; grown needs one text"),
        ({"arms": {"grown": TUNED | {"progressive": True}}}, "found grown alone, expected an arm for controls, search"),
        ({"probes": ["weight"]}, "probes: found 'weight', expected one of bits, dimensions, line, following"),
    ):
        with pytest.raises(InputError, match=reason):
            run_cramming(**jobs.arguments(SPEC | changes, folder, files, tmp_path))


# Probes


def test_levels_are_symmetric_and_few() -> None:
    coordinates = torch.linspace(-1, 1, 1001).view(1, 1, -1)
    for count in range(1, 6):
        levels = bits.quantised(coordinates, count, 1.0).unique()
        assert len(levels) == 2**count and torch.allclose(levels, -levels.flip(0), atol=1e-6)
        error = (bits.quantised(coordinates, count, 1.0) - coordinates).abs().max()
        assert float(error) <= 2.0**-count + 1e-6
    assert float((bits.quantised(coordinates, 16, 1.0) - coordinates).abs().max()) < 1e-4


def test_a_basis_is_orthogonal_and_its_coordinates_come_back(reader: Reader) -> None:
    directions = bits.basis(reader, 1, 5)
    width = reader.model.width
    torch.testing.assert_close(directions @ directions.t(), torch.eye(5) * width / 5)
    start, coordinates = torch.randn(3, 2, width), torch.randn(3, 2, 5)
    found = bits.coordinates_of(start + coordinates @ directions, start, directions)
    torch.testing.assert_close(found, coordinates, rtol=1e-4, atol=1e-5)
    smaller = bits.basis(reader, 1, 3)
    torch.testing.assert_close(smaller * (3 / 5) ** 0.5, directions[:3])


@pytest.mark.parametrize("width", [1, 2, 16, 64, 576])
def test_the_search_of_dimensions_ends_at_the_fewest(width: int) -> None:
    search = bits.Dimensions(width)
    for fewest in {1, max(1, width // 3), width}:
        low, high, rounds = 0, width, 0
        while (size := search.next(low, high)) is not None:
            low, high, rounds = (low, size, rounds + 1) if size >= fewest else (size, high, rounds + 1)
        assert low < fewest <= high and (high - low <= 1 or high <= 1.2 * low)
        assert rounds <= search.rounds


def test_the_fewest_bits_still_decode_the_text(values: pd.DataFrame) -> None:
    """Solved texts of the arm without growth have their probes, others have none."""
    tuned = values[values["arm"] == "tuned"]
    solved = (tuned["accuracy"] == 1) & (tuned["greedy_exact"] == 1)
    assert 0 < solved.sum() < len(tuned)
    assert (tuned["arithmetic_bits"].notna() == solved).all() and values[values["arm"] == "grown"][
        "arithmetic_bits"
    ].isna().all()
    ours = tuned[solved]
    nats = ours["cross_entropy_without"] * (ours["length"] - 1)
    np.testing.assert_allclose(ours["arithmetic_bits"], np.ceil(nats / np.log(2) - 1e-6) + 1)
    assert ours["number_bits"].between(1, bits.MOST_BITS).all()
    assert (ours["vector_bits"] == ours["number_bits"] * 32 + bits.SCALE_BITS).all()
    assert ours["dimensions"].between(1, 32).all() and (ours["dimensions"] < 32).any()
    assert (ours["subspace_bits"].notna() | (ours["dimensions"] == 32)).all()
    assert (ours["line_solved"].dropna() == (ours["line_accuracy"].dropna() == 1)).all()
    assert ours["following_cross_entropy"].notna().all()


def test_fewest_bits_are_checked_by_decoding(reader: Reader, files: dict[str, str]) -> None:
    """One bit less of every scale fails; a text that no vector says has none."""
    ids = Texts(reader, files, 1, 8, 2).ids("samples", 2)
    start = torch.stack([start_vectors(reader.model, 1, "samples", index, 1) for index in range(8)])
    work = Cramming(reader, ids.unsqueeze(1), start, Settings.of(TUNED | {"steps": 200}, "tuned"))
    while not work.done:
        work.step()
    vectors = work.records.vectors
    found = bits.fewest(reader, vectors, lambda rounded, _: rounded, ids, False)
    exact = greedy_prefix(reader, vectors, ids, False) == 1
    assert int(exact.sum()) >= 3 and bool((found[exact] > 0).all())
    for row in exact.nonzero().flatten().tolist():
        for count in range(1, int(found[row]) + 1):
            decoded = [
                int(
                    greedy_prefix(
                        reader, bits.quantised(vectors[row : row + 1], count, share), ids[row : row + 1], False
                    )
                )
                for share in bits.SCALES
            ]
            assert (max(decoded) == 1) == (count == int(found[row]))


def test_a_line_between_equal_solutions_is_solved_and_a_text_follows(reader: Reader) -> None:
    vectors = models.random_vectors(3, 1, reader.model)
    ids = models.continued(reader.model, vectors, torch.tensor([5, 6, 7]), 5)
    line = probes.line(reader, vectors, vectors.clone(), ids, False)
    assert torch.equal(line.accuracy, torch.ones(3)) and torch.allclose(line.cosine, torch.ones(3))
    other = probes.line(reader, vectors, -vectors, ids, False)
    assert float(other.accuracy.min()) < 1
    losses = probes.following(reader, vectors, ids, ids.flip(0))
    assert losses is not None
    alone, _ = scores(reader, vectors[:, :0], ids.flip(0), predict_first=False)
    torch.testing.assert_close(losses.nothing, alone.mean(1))
    assert not torch.allclose(losses.vector, losses.nothing)
    long = models.random_ids(3, models.CONTEXT)
    assert probes.following(reader, vectors, long, long) is None


@pytest.mark.parametrize("kill, part", [(250, "grown n-3"), (420, "tuned n-2")])
def test_a_killed_job_goes_on_in_every_part(
    kill: int,
    part: str,
    done: Path,
    files: dict[str, str],
    folder: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """While texts grow, and in a probe."""
    arguments = jobs.arguments(SPEC, folder, files, tmp_path)
    jobs.killed(arguments, every=7, kill=kill)
    run_cramming(**arguments)
    lines = [line for line in capfd.readouterr().err.splitlines() if "goes on" in line or "n-" in line]
    assert "goes on from step" in lines[1] and part in lines[2], lines
    jobs.same(done, tmp_path)


def test_measures_of_an_arm_that_grows_are_its_capacities_alone(done: Path, values: pd.DataFrame) -> None:
    evidence = synthetic.evidence(pd.read_parquet(done / "runs.parquet"), minimum_texts=1)
    measured = pd.DataFrame(measures.rows(evidence))
    grown = measured[measured["arm"] == "grown"]
    assert set(grown["measure"]) == {"capacity_mean", "capacity_half"}
    own = values[values["arm"] == "grown"]
    horizons = [of["length"].max() - (of["greedy_exact"].min() < 1) for _, of in own.groupby("seed")]
    assert grown[grown["measure"] == "capacity_mean"]["estimate"].item() == pytest.approx(np.mean(horizons))
    tuned = measured[(measured["arm"] == "tuned") & (measured["length"] == 2)].set_index("measure")["estimate"]
    known = values[(values["arm"] == "tuned") & (values["length"] == 2)]
    for name in ("arithmetic_bits", "vector_bits", "dimensions", "line_cosine", "following_cross_entropy"):
        assert tuned[name] == pytest.approx(known[name].mean())


# Facts that are kept


def test_facts_and_samples_are_measured_once(
    folder: str, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of a second job are those of the first, of another model they are measured anew."""
    spec = SPEC | {"kinds": ["samples"], "lengths": [3], "arms": {"tuned": TUNED | {"steps": 2}}, "probes": []}
    kept, frames = tmp_path / "kept_facts", []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        run_cramming(**jobs.arguments(spec, folder, files, tmp_path / name, kept=str(kept)))
        frames.append(pd.read_parquet(tmp_path / name / "runs.parquet"))
        monkeypatch.setattr("tokentrial.cramming.job.model_rows", _never)
        monkeypatch.setattr("tokentrial.cramming.texts._sampled", _never)
    pd.testing.assert_frame_equal(*frames)
    assert sorted(path.name.partition("-")[0] for path in kept.iterdir()) == ["facts", "samples"]
    other = files | {"validation": files["test"]}
    with pytest.raises(AssertionError, match="measured again"):
        run_cramming(**jobs.arguments(spec, folder, other, tmp_path, kept=str(kept)))


def _never(*_: Any) -> None:
    raise AssertionError("measured again")


def test_a_damaged_fact_is_measured_again(tmp_path: Path) -> None:
    keeping = Keeping(str(tmp_path), "a model")
    assert keeping.get("facts", [1], lambda: [1, 2.5, None]) == [1, 2.5, None]
    [path] = tmp_path.iterdir()
    path.write_text("[1, 2")
    assert keeping.get("facts", [1], lambda: [3]) == [3] and json.loads(path.read_text()) == [3]
    assert keeping.get("facts", [2], lambda: [4]) == [4]
    assert Keeping(str(tmp_path), "another").get("facts", [1], lambda: [5]) == [5]
