"""From the config to the language-model jobs: one per arm and ratio, and complete."""

from copy import deepcopy
from typing import Any

import pytest

from tokentrial import config
from tokentrial.checkout import ROOT
from tokentrial.encoders.base import load
from tokentrial.schema import study_files
from tokentrial.studies.language_models import FROM_FULL, UNTRAINED, encoder_module, jobs, needs_full, twins

TRAINING: dict[str, Any] = {
    "optimiser": "adam", "learning_rates": [0.1], "epochs": 1, "fraction": 0.5, "held_out_fraction": 0.5,
    "batch_size": 2, "length": 5, "order": "blocks", "clip": 0.5, "schedule": "linear", "evaluations": 2,
    "select": "best",
}  # fmt: skip
DESIGN: dict[str, Any] = {
    "tokens": "bpe", "body": "transformer", "full_width": 16, "narrow": False, "tied": False, "initial_scale": 0.1,
    "ratios": [2, 4], "arms": ["learned", "svd"], "single": ["full", "int8"],
}  # fmt: skip
STUDY: dict[str, Any] = {
    "folder": None,
    "tokens": {
        "bpe": {"tokenizer": "bpe", "vocab_size": 300},
        "word": {"tokenizer": "word", "vocab_size": None},
    },
    "seeds": 2,
    "margins": {"cross_entropy": 0.02, "accuracy": 0.01},
    "precision": "float32",
    "bodies": {
        "transformer": {"kind": "transformer", "layers": 2, "heads": 4, "dropout": 0.1, "causal": False},
        "lstm": {"kind": "lstm", "layers": 1, "dropout": 0.2},
    },
    "training": {"as-described": {**TRAINING, "select": "last"}, "done-right": TRAINING},
    "arms": {
        "learned": {"encoder": "learned"},
        "learned_twice": {"encoder": "learned", "epochs": 7},
        "learned_masked": {"encoder": "learned", "body": {"causal": True}},
        "full": {"encoder": "full"},
        "pca": {"encoder": "pca"},
        "autoencoder": {"encoder": "autoencoder"},
        "autoencoder_random": {"encoder": "autoencoder", "table": "random"},
        "svd": {"encoder": "svd"},
        "int8": {"encoder": "quantised", "bits": 8},
        "pq_4": {"encoder": "product_quantised", "groups": 4},
        "hash": {"encoder": "hashed", "buckets": 8},
    },
    "experiments": {},
}


def study(**changes: Any) -> dict[str, Any]:
    """A config whose one design is DESIGN with these keys replaced."""
    return designs(small={"done-right": {**DESIGN, **changes}})


def designs(**studies: Any) -> dict[str, Any]:
    made = {"seed": 7, "seeds": 9, "device": "cpu", "language_models": deepcopy(STUDY)}
    made["language_models"]["experiments"] = deepcopy(studies)
    return made


def spec(arm: str, **changes: Any) -> dict[str, Any]:
    """The specification of one arm of a design."""
    return jobs(study(**changes))[f"language_models/small/done-right/{changes.get('tokens', 'bpe')}/{arm}"]


def test_a_job_for_every_arm_at_every_ratio_and_every_single_one_once() -> None:
    found = jobs(study())
    arms = ["full", "int8", "learned-2", "svd-2", "learned-4", "svd-4"]
    assert list(found) == [f"language_models/small/done-right/bpe/{arm}" for arm in arms]
    for identity, one in found.items():
        assert identity == f"{one['condition']}/{one['arm']}"
    assert [one["width"] for one in found.values()] == [16, 16, 8, 8, 4, 4]
    assert {one["full_width"] for one in found.values()} == {16}


def test_a_single_arm_may_name_its_ratio() -> None:
    made = jobs(study(ratios=[2], arms=["learned"], single=["full", "autoencoder-8"]))
    widths = {spec["arm"]: spec["width"] for spec in made.values()}
    assert widths == {"full": 16, "autoencoder-8": 2, "learned-2": 8}
    assert needs_full(next(spec for spec in made.values() if spec["arm"] == "autoencoder-8"))


def test_a_design_may_lack_ratios_or_single_arms() -> None:
    assert [one["arm"] for one in jobs(study(ratios=[])).values()] == ["full", "int8"]
    assert [one["arm"] for one in jobs(study(arms=["learned"], single=[])).values()] == ["learned-2", "learned-4"]
    assert jobs(designs()) == {}


def test_a_specification_is_complete() -> None:
    assert spec("learned-4", seeds=3, training={"epochs": 5}) == {
        "study": "language_models",
        "condition": "language_models/small/done-right/bpe",
        "arm": "learned-4",
        "way": "done-right",
        "tokens": "bpe",
        "seed": 7,
        "seeds": 3,
        "device": "cpu",
        "precision": "float32",
        "tied": False,
        "bias": True,
        "initial_scale": 0.1,
        "training": {**TRAINING, "epochs": 5},
        "width": 4,
        "full_width": 16,
        "body_width": 16,
        "encoder": {"encoder": "learned"},
        "body": STUDY["bodies"]["transformer"],
        "reference": False,
    }


def test_the_number_of_seeds_is_the_designs_or_the_studys_never_the_small_models() -> None:
    assert (spec("full")["seeds"], spec("full", seeds=5)["seeds"]) == (2, 5)


def test_a_narrow_body_shrinks_with_the_encoding() -> None:
    narrow = jobs(study(narrow=True, arms=["learned"], single=["full"])).values()
    assert [(one["arm"], one["width"], one["body_width"]) for one in narrow] == [
        ("full", 16, 16),
        ("learned-2", 8, 8),
        ("learned-4", 4, 4),
    ]


def test_an_arm_changes_its_body_alone() -> None:
    made = study(arms=["learned", "learned_masked"], single=["full"])
    found = {one["arm"]: one for one in jobs(made).values()}
    assert found["learned-2"]["body"] == STUDY["bodies"]["transformer"]
    assert found["learned_masked-2"]["body"] == {**STUDY["bodies"]["transformer"], "causal": True}
    assert found["learned_masked-2"]["encoder"] == {"encoder": "learned"}  # the body's keys are no encoder option
    assert made["language_models"]["arms"] == STUDY["arms"]  # nothing of the config was used up


def test_an_arm_may_train_longer() -> None:
    """Its own number of epochs counts before the design's, and is no option of its encoder."""
    found = jobs(study(arms=["learned", "learned_twice"], single=[], ratios=[2], training={"epochs": 3, "clip": 9}))
    plain, twice = found.values()
    assert (plain["training"]["epochs"], twice["training"]["epochs"]) == (3, 7)
    assert plain["encoder"] == twice["encoder"] == {"encoder": "learned"}
    assert {**twice["training"], "epochs": 3} == plain["training"] == {**TRAINING, "epochs": 3, "clip": 9}


def test_ways_and_experiments_are_conditions_of_their_own() -> None:
    ways = {"as-described": {**DESIGN, "tokens": "word"}, "done-right": DESIGN}
    found = jobs(designs(one=ways, two={"done-right": DESIGN}))
    assert list(dict.fromkeys(one["condition"] for one in found.values())) == [
        "language_models/one/as-described/word",
        "language_models/one/done-right/bpe",
        "language_models/two/done-right/bpe",
    ]
    for one in found.values():
        assert one["training"]["select"] == ("last" if one["way"] == "as-described" else "best")
    # levels that no arm changes are measured once in each condition, by its first job
    first = [name for name, one in found.items() if one["reference"]]
    assert first == [
        f"language_models/{name}/full" for name in ("one/as-described/word", "one/done-right/bpe", "two/done-right/bpe")
    ]


def test_another_order_of_the_configs_keys_gives_the_same_texts() -> None:
    made = study()
    other = {
        **dict(reversed(made.items())),
        "language_models": {key: made["language_models"][key] for key in reversed(list(made["language_models"]))},
    }
    other["language_models"]["arms"] = dict(reversed(other["language_models"]["arms"].items()))
    texts = [{name: config.canonical(one) for name, one in jobs(tree).items()} for tree in (made, other)]
    assert texts[0] == texts[1]
    assert len(set(texts[0].values())) == len(texts[0])  # and no two jobs are the same


# What an arm starts from


@pytest.mark.parametrize(
    ("arm", "needed"),
    [
        ("full", False), ("learned-2", False), ("hash", False), ("autoencoder_random-2", False),
        ("pca-2", True), ("autoencoder-2", True), ("svd-2", True), ("int8", True), ("pq_4", True),
    ],
)  # fmt: skip
def test_arms_made_from_the_trained_table_wait_for_it(arm: str, needed: bool) -> None:
    arms = ["learned", "autoencoder_random", "pca", "autoencoder", "svd"]
    assert needs_full(spec(arm, arms=arms, single=["full", "hash", "int8", "pq_4"])) is needed


def test_the_encoders_that_keep_the_trained_body_are_those_that_say_so() -> None:
    """after_training of the encoder's class and the planner's list of names are one fact told twice."""
    assert [name for name in FROM_FULL if load(name).after_training] == list(UNTRAINED)
    arms = study_files.default(ROOT, ROOT / "config/paper.yaml")["language_models"]["arms"]
    offered = {options["encoder"] for options in arms.values() if load(options["encoder"]).after_training}
    assert offered == set(UNTRAINED)


@pytest.mark.parametrize(
    ("arm", "name"), [("full", "full"), ("learned-2", "learned"), ("pca-2", "pca"), ("int8", "quantised")]
)
def test_a_job_names_its_encoder_alone(arm: str, name: str) -> None:
    """The full model that ``pca`` starts from is another job's."""
    assert encoder_module(spec(arm, arms=["learned", "pca", "svd"])) == f"encoders/{name}"


def test_jobs_that_differ_in_names_alone_train_once() -> None:
    """Whatever the order of the config; not where anything else differs, nor the levels that a job writes beside."""
    parts = {
        "b": {"done-right": {**DESIGN, "ratios": [2], "arms": ["learned"]}},
        "a": {"done-right": {**DESIGN, "ratios": [2], "arms": ["learned"], "single": ["full"], "narrow": True}},
        "c": {"done-right": {**DESIGN, "tied": True}},
        "d": {"done-right": {**DESIGN, "single": ["int8", "full"]}},  # where int8 writes the levels of chance
    }
    name = "language_models/{}/done-right/bpe/{}".format
    expected = {
        name("b", "full"): name("a", "full"),
        name("d", "learned-2"): name("b", "learned-2"),
    }
    found = [twins(jobs(designs(**{key: parts[key] for key in order}))) for order in ("abcd", "dcba")]
    for each in found:
        assert each == expected
