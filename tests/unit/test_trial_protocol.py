"""What ``tokentrial try`` trains: the quick protocol, one condition or all; and language models on a small text."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from command import Command, command, refused  # noqa: F401
from own_encoders import ENCODER, MODULE, TWO_STAGE, written

from tokentrial.config import merge
from tokentrial.data import corpora, delivery, tokenise
from tokentrial.report import trial_page
from tokentrial.trial import candidates, full, judged, places, protocol, text
from tokentrial.trial.candidates import Candidate
from tokentrial.trial.judged import Judged

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    return candidates.load(written(tmp_path_factory.mktemp("own"), ENCODER))


def test_the_quick_protocol_is_a_chain_and_a_text(mine: Candidate) -> None:
    sweep = candidates.sweep(["rows=2,4,8,16,32"])
    plan = protocol.plan(mine, sweep, [8], None, False)
    assert [(where.on, ratios) for where, ratios in plan.small] == [("compression/v100", [8])]
    [(where, some)] = plan.texts
    assert where.on == "transformer/bpe" and where.rates == [0.005, 0.01]
    assert [each["rows"] for each in some] == [2, 8, 32]
    assert plan.minutes < 5
    assert plan.said == f"2 conditions, about {plan.minutes:.0f} minutes of one core"


def test_one_condition_alone(mine: Candidate) -> None:
    plan = protocol.plan(mine, [{}], [], "transformer/bpe", False)
    assert plan.small == [] and len(plan.texts) == 1
    plan = protocol.plan(mine, [{}], [2], "compression/v20", False)
    assert plan.texts == [] and [ratios for _, ratios in plan.small] == [[2]]
    assert plan.said == "1 condition, about a minute of one core"


def test_full_has_every_fair_condition_of_the_shipped_run(mine: Candidate, tmp_path: Path) -> None:
    plan = protocol.plan(mine, [{}], [], None, True)
    known = places.read_shipped().conditions
    fair = known[(known["way"] == "done-right") & ~known["experiment"].isin(full.LEFT_OUT)]
    small = {where.specs[ratio]["condition"] for where, ratios in plan.small for ratio in ratios}
    assert small == set(fair.loc[fair["study"].isin(full.STUDIES), "condition"]) and len(small) > 40
    texts = {name for where, _ in plan.texts for name in where.conditions["condition"]}
    assert texts == set(fair.loc[fair["study"] == "language_models", "condition"])
    assert 5 < plan.minutes < 120
    codes = candidates.load(written(tmp_path, TWO_STAGE))
    after = replace(codes, kind=type("After", (codes.kind,), {"after_training": True}))
    some = protocol.plan(after, [{"bits": 4}], [8], None, True).texts
    left = texts - {name for where, _ in some for name in where.conditions["condition"]}
    assert left == {"language_models/transformer-narrow/done-right/bpe"}  # whose body is not the full model's


def test_the_estimate_is_that_of_the_shipped_arm(mine: Candidate) -> None:
    where = places.place("compression/v100")
    arms = where.arms.set_index(["condition", "arm"])["wall_seconds"]
    each = float(arms[where.specs[8]["condition"], "learned"])
    assert full.seconds(where, [8], 3) == pytest.approx(each * (3 * 5 + 1))  # five rates each, and the witness


def short(where: places.Place) -> places.Place:
    """The place with two seeds and a few steps."""
    specs = {
        ratio: {
            **spec,
            "seeds": 2,
            "training": {**spec["training"], "steps": 20, "evaluations": 2},
            "arms": {name: {**arm, "steps": 20} for name, arm in spec["arms"].items()},
        }
        for ratio, spec in where.specs.items()
    }
    return replace(where, specs=specs)


def test_every_kind_of_place_is_judged(tmp_path: Path) -> None:
    """One of each study and task model that --full adds."""
    mine = candidates.load(written(tmp_path, ENCODER))
    wanted = {("learned_encoding", "signal", "token_mlp"), ("learned_encoding", "markov", "mean_pool")}
    wanted |= {("learned_encoding", "markov", "window_mlp"), ("bespoke", "initial", "token_mlp")}
    seen = set()
    for where in full.small():
        kind = (where.study, where.experiment, str(where.conditions["head"].iloc[0]))
        if kind not in wanted - seen:
            continue
        seen.add(kind)
        place = short(where)
        config = merge(place.config, {name: {"training": {"done-right": {"steps": 20, "evaluations": 2}}}
                                      for name in full.STUDIES} | {"seeds": 2})  # fmt: skip
        result = judged.judge(mine, replace(place, config=config), [{"rows": 4}], [place.middle])
        content = trial_page.content(result)
        assert content["comparisons"] and len(content["arms"]) == 1 and content["verdict"]
        assert {row["method"] for row in content["comparisons"]} >= {"unigram"}
    assert seen == wanted


def test_full_and_on_are_one_line(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    own = written(tmp_path, ENCODER)
    said = refused(command("try", own, "--on", "compression/v20", "--full"))
    assert said == "--full: found --on beside it, expected one of the two"
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(corpora.VARIABLE, str(tmp_path / "empty"))
    said = command("try", own, "--on", "transformer/bpe")
    assert said.code == 2 and said.err.splitlines()[1].startswith(f"error: {tmp_path}/empty: no WikiText-2 train file")
    assert not list(tmp_path.glob("*.html"))


def test_without_the_text_the_page_says_so(
    tmp_path: Path,
    command: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(corpora.VARIABLE, str(tmp_path / "empty"))
    said = command("try", written(tmp_path, ENCODER), "--ratios", "32", "--json")
    assert said.code == 0, said.err
    [line] = json.loads(said.out)["left_out"]
    assert line.startswith("language models on WikiText-2, of which the shipped rows are: ")
    assert "Not compared: language models on WikiText-2" in (tmp_path / "try-SharedRows.html").read_text()


# Language models, on a text of seconds


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The project's own pages as 300 tokens."""
    folder = tmp_path_factory.mktemp("tokens")
    texts = {split: str(folder / f"{split}.txt") for split in corpora.SPLITS}
    chosen, record = corpora.setting(str(ROOT / "docs/*.md")), str(folder / "corpus.json")
    delivery.deliver(chosen.canonical(), str(chosen.path), str(folder), texts, record)
    out = {part: str(folder / f"{part}.parquet") for part in (*corpora.SPLITS, "vocabulary", "reference")}
    tokenise.prepare(texts, record, "bpe", 300, out)
    return out


def of_text(found: text.TextPlace) -> text.TextPlace:
    """The condition with one rate, two seeds and a tenth of the text."""
    small = {"fraction": 0.1, "held_out_fraction": 0.3, "batch_size": 4}
    config = merge(found.config, {"language_models": {"seeds": 2, "training": {"done-right": small}}})
    short = {"seeds": 2, "training": {**found.specs["full"]["training"], **small, "learning_rates": [0.01]}}
    return replace(found, config=config, specs={arm: {**spec, **short} for arm, spec in found.specs.items()})


@pytest.fixture(scope="module")
def where() -> text.TextPlace:
    return of_text(text.place())


@pytest.fixture(scope="module")
def result(where: text.TextPlace, files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    own = candidates.load(written(tmp_path_factory.mktemp("module"), MODULE))
    yield text.judge(own, where, candidates.sweep(["rank=2,8"]), files)


def test_a_module_is_an_arm_of_a_language_model(result: Judged) -> None:
    assert [one.arm for one in result.trained] == ["tensortrain_rank_2-8", "tensortrain_rank_8-8"]
    first, second = result.trained
    assert first.table_bits == 32 * (300 * 2 + 2 * 64) and first.bits > first.table_bits
    assert second.bits - first.bits == second.table_bits - first.table_bits
    content = trial_page.content(result)
    assert all(row["bytes"] is None and row["seeds"] == 2 and row["floor"] is None for row in content["arms"])
    assert {"learned", "quantised", "full"} <= {row["method"] for row in content["comparisons"]} | {"quantised"}
    assert content["pairs"] and content["witness_drift"] is None


@pytest.mark.slow
@pytest.mark.parametrize(("code", "options"), [(ENCODER, {"rows": 16}), (MODULE, {"rank": 4})], ids=["own", "module"])
def test_every_other_language_model_is_judged(
    code: str, options: dict[str, int], files: dict[str, str], tmp_path: Path
) -> None:
    """Narrow, tied, recurrent: a short training shows whether an encoder fits in."""
    seen = []
    for place in full.texts():
        found = text.judge(candidates.load(written(tmp_path, code)), of_text(place), [options], files)
        assert len(found.trained) == 1 and trial_page.content(found)["comparisons"], place.on
        seen.append(place.experiment)
    assert seen == ["transformer-narrow", "transformer-tied", "lstm", "lstm-tied", "bespoke"]


def test_the_page_has_a_part_for_each_condition(result: Judged) -> None:
    page = trial_page.html([result, result], ["a text: it is not here"])
    assert page.count("<h2>transformer/bpe</h2>") == 2 and page.count("<h1>") == 1
    assert "Not compared: a text: it is not here" in page and ">–</td>" in page and "Floor unknown" in page


def test_an_encoder_of_two_stages_starts_from_the_full_model(
    where: text.TextPlace, files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = candidates.load(written(tmp_path, TWO_STAGE))
    assert text.starts_from_table(own)
    found = text.judge(own, where, [{"bits": 8}], files)
    assert capsys.readouterr().err.startswith("full table on transformer/bpe: trains 2 seeds\n")
    assert len(found.trained) == 1


def test_a_language_model_without_the_table_needs_no_full_one(mine: Candidate) -> None:
    assert not text.starts_from_table(mine)
    assert text.spread([{"a": n} for n in range(10)], 3) == [{"a": 0}, {"a": 4}, {"a": 9}]
    assert judged.arms_of(mine, [{}]) == {"SharedRows": {"encoder": "tried"}}
    assert text.arms_of(mine, [{}]) == {"sharedrows": {"encoder": "tried"}}
