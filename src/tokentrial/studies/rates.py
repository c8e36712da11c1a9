"""Searched learning rates: the jobs of the search, the file with its result, and the rates that a run takes from it.

The file holds whole experiments, and an experiment in it is an experiment whose fair arms train at their searched rates
for their searched steps. Every arm is kept with a digest of its condition's specification without rates, steps and
seeds. An overlay that changes the design of a condition, its rates or its steps, and an arm of one's own, train as the
config says; a file that does not fit the shipped studies is refused. A language model's rate is that of any share of
the text and any number of epochs.

    experiments              <study>/<experiment> -> commit, seed, seeds, limits and conditions:
      <condition>            arm -> spec (digest) and the arm's training.search.Choice
    sha256                   of all that, as canonical JSON
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tokentrial import config as settings
from tokentrial import provenance, results
from tokentrial.data.spec import complete
from tokentrial.errors import InputError
from tokentrial.seeds import of_search
from tokentrial.studies import language_models, small_models

FILE = "studies/rates.json"
FAIR = "done-right"
SEARCHED = ("learning_rates", "steps")
AMOUNT = ("fraction", "held_out_fraction", "epochs", "evaluations")
LIMITS = ("factor", "rates", "most_rates", "doublings")

Spec = dict[str, Any]
Specs = Mapping[str, Mapping[str, Any]]


class Plan(NamedTuple):
    """Conditions and data sets of small models (studies.small_models), and jobs of language models with the settings of
    their tokens (studies.language_models), by name."""

    conditions: Specs
    datasets: Specs
    language_models: Specs
    tokens: Specs


def plan(config: Mapping[str, Any]) -> Plan:
    """Returns what a config plans to train; raises InputError for a source that cannot be drawn."""
    datasets = small_models.datasets(config)
    for name, dataset in datasets.items():
        dataset["source"] = complete(dataset["source"], where=f"config: {name}")
    tokens = config[language_models.STUDY]["tokens"]
    return Plan(small_models.conditions(config), datasets, language_models.jobs(config), tokens)


def experiment(condition: str) -> str:
    """Returns ``learned_encoding/markov`` of a condition's name."""
    return "/".join(condition.split("/")[:2])


def jobs(config: Mapping[str, Any], plan: Plan) -> dict[str, Spec]:
    """Returns condition -> specification of its search, for every experiment that the config names, by default for all.

    Raises InputError for an experiment without conditions done right.
    """
    search, found = config["search"], {**_of_small_models(plan), **_of_language_models(plan)}
    known = list(dict.fromkeys(map(experiment, found)))
    wanted = known if search["only"] is None else search["only"]
    for name in wanted:
        if name not in known:
            raise InputError(f"config: search.only: {settings.unknown_key(name, known)}")
    chosen = {}
    for name, spec in found.items():
        seeds = search["language_model_seeds" if "tokens" in spec else "seeds"]
        own = {"seed": of_search(config["seed"]), "seeds": seeds}
        if "tokens" in spec:  # every arm is a job's specification
            spec["arms"] = {arm: {**options, **own} for arm, options in spec["arms"].items()}
        if experiment(name) in wanted:
            chosen[name] = {**spec, **own, "limits": {key: search[key] for key in LIMITS}}
    return chosen


def _of_small_models(plan: Plan) -> dict[str, Spec]:
    return {
        name: {
            **{key: value for key, value in spec.items() if key != "dataset"},
            "source": plan.datasets[spec["dataset"]]["source"],
        }
        for name, spec in plan.conditions.items()
        if spec["way"] == FAIR
    }


def _of_language_models(plan: Plan) -> dict[str, Spec]:
    """Returns condition -> its trained arms, each the specification of its job."""
    found: dict[str, Spec] = {}
    for spec in plan.language_models.values():
        if _has_rate(spec):
            names = {"study": spec["study"], "condition": spec["condition"], "tokens": spec["tokens"]}
            known = found.setdefault(spec["condition"], {**names, "tokenizer": plan.tokens[spec["tokens"]], "arms": {}})
            known["arms"][spec["arm"]] = spec
    return found


def _has_rate(spec: Mapping[str, Any]) -> bool:
    """Whether a job of a language model is fair and trains something."""
    return spec["way"] == FAIR and not language_models.keeps_body(spec["encoder"]["encoder"])


def digest_of_language_model(spec: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> str:
    """Returns a digest of all that the rate of a job's arm depends on, but for rates, seeds and the amount of text.

    A rate that was searched on a share of the text serves a longer training, too: the search of one costs days.
    """
    names = ("condition", "arm", "reference", "seed", "seeds", "device", "tokens", "training")
    shared = {key: value for key, value in spec.items() if key not in names}
    training = {key: value for key, value in spec["training"].items() if key not in ("learning_rates", *AMOUNT)}
    return provenance.digest(settings.canonical([shared, training, tokenizer]))


def digest(spec: Mapping[str, Any], source: Mapping[str, Any], arm: str) -> str:
    """Returns a digest of all that an arm's rate and steps depend on, but for rates, steps and seeds themselves."""
    names = ("condition", "dataset", "seed", "seeds", "device", "source", "limits")
    shared = {key: value for key, value in spec.items() if key not in (*names, "arms", "training")}
    training = {key: value for key, value in spec["training"].items() if key not in SEARCHED}
    options = {key: value for key, value in spec["arms"][arm].items() if key not in SEARCHED}
    return provenance.digest(settings.canonical([shared, training, options, source]))


def read(path: Path) -> Spec:
    """Returns the content of the file; empty if there is none. Raises InputError for one that is not as written."""
    if not path.is_file():
        return {"experiments": {}}
    try:
        content: Spec = json.loads(path.read_text(encoding="utf-8"))
        expected = content.pop("sha256")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"{path}: found no rates that a search wrote ({error!r}); take the file again") from None
    if expected != _sha256(content):
        raise InputError(f"{path}: found content with the digest {_sha256(content)[:12]}, expected {expected[:12]}")
    return content


def write(path: str, jobs: Mapping[str, Spec], choices: Mapping[str, str], earlier: str, commit: str) -> None:
    """Writes the file: the experiments of ``jobs``, and those of an earlier file that are not searched again.

    choices: condition -> file of training.search.run_search; earlier: the file to add to, which need not be there.
    """
    content = read(Path(earlier))
    experiments: dict[str, Spec] = dict(content["experiments"])
    for name in dict.fromkeys(map(experiment, jobs)):
        of_it = {condition: spec for condition, spec in jobs.items() if experiment(condition) == name}
        first = next(iter(of_it.values()))
        experiments[name] = {
            "commit": commit,
            "seed": first["seed"],
            "seeds": first["seeds"],
            "limits": first["limits"],
            "conditions": {condition: _chosen(spec, choices[condition]) for condition, spec in of_it.items()},
        }
    content = {"experiments": dict(sorted(experiments.items()))}
    text = json.dumps({**content, "sha256": _sha256(content)}, indent=1)
    with results.whole_file(path) as file:
        file.write((text + "\n").encode())


def _chosen(spec: Spec, file: str) -> Spec:
    choices = json.loads(Path(file).read_text(encoding="utf-8"))
    if "tokens" in spec:
        digests = {arm: digest_of_language_model(job, spec["tokenizer"]) for arm, job in spec["arms"].items()}
    else:
        digests = {arm: digest(spec, spec["source"], arm) for arm in spec["arms"]}
    return {arm: {"spec": digests[arm], **choice} for arm, choice in choices.items()}


def _sha256(content: Any) -> str:
    return hashlib.sha256(settings.canonical(content).encode()).hexdigest()


def check(content: Spec, shipped: Plan) -> None:
    """Raises InputError for an arm of the file that the shipped studies do not have, or have otherwise.

    shipped: the plan of the default config.
    """
    for name, choices in _conditions(content):
        spec = shipped.conditions.get(name)
        for arm, choice in choices.items():
            expected, job = "no such arm", shipped.language_models.get(f"{name}/{arm}")
            if spec is not None and arm in spec["arms"]:
                expected = digest(spec, shipped.datasets[spec["dataset"]]["source"], arm)
            elif job is not None:
                expected = digest_of_language_model(job, shipped.tokens[job["tokens"]])
            if choice["spec"] != expected:
                found = f"found a rate searched for the design {choice['spec']}, expected {expected}"
                raise InputError(f"{FILE}: {name}: {arm}: {found} as in studies/; search {experiment(name)} again")


def _conditions(content: Spec) -> Iterator[tuple[str, Spec]]:
    for entry in content["experiments"].values():
        yield from entry["conditions"].items()


class Applied(NamedTuple):
    """Conditions of small models and jobs of language models with the rate and the steps of every searched arm.

    without: the arms of searched experiments that have none, as ``<condition>/<arm>``.
    """

    conditions: dict[str, Spec]
    language_models: dict[str, Spec]
    without: list[str]


def applied(content: Spec, plan: Plan, doublings: int, planned: Callable[[], Plan]) -> Applied:
    """Returns a plan with the searched rates.

    doublings: how often the study's steps may be doubled, see :func:`chosen`; planned: makes the plan of the default
    config, which only a file with rates asks for; see :func:`check`, whose errors are raised here too.
    """
    if not content["experiments"]:
        conditions, models = ({name: dict(spec) for name, spec in specs.items()} for specs in (plan[0], plan[2]))
        return Applied(conditions, models, [])
    shipped = planned()
    check(content, shipped)
    conditions, without = _applied_to_small_models(content, plan, doublings, shipped)
    models, others = _applied_to_language_models(content, plan, shipped)
    return Applied(conditions, models, without + others)


def _applied_to_language_models(content: Spec, plan: Plan, shipped: Plan) -> tuple[dict[str, Spec], list[str]]:
    specs, without = {name: dict(spec) for name, spec in plan.language_models.items()}, list[str]()
    searched = dict(_conditions(content))
    for name, spec in plan.language_models.items():
        if experiment(name) not in content["experiments"] or not _has_rate(spec):
            continue
        choice = searched.get(spec["condition"], {}).get(spec["arm"])
        expected = digest_of_language_model(spec, plan.tokens[spec["tokens"]])
        if choice is not None and choice["spec"] == expected and _rates(spec) == _rates(shipped.language_models[name]):
            training = {**spec["training"], "learning_rates": [choice["rate"]]}
            specs[name] = {**spec, "training": training, "rates": "search"}
        else:
            without.append(name)
    return specs, without


def _rates(spec: Mapping[str, Any]) -> Any:
    return spec["training"]["learning_rates"]


def chosen(choice: Spec, doublings: int) -> Spec:
    """Returns learning rates and steps of a small model's arm, as its options say them.

    The search may have gone on doubling the steps for longer than a run can afford. Then the run trains for the steps
    that it can, at the rate that was the best for these.
    """
    tried = choice["tried"][: doublings + 1][-1]
    losses = [float("inf") if loss is None else loss for loss in tried["losses"]]
    return {"learning_rates": [tried["rates"][losses.index(min(losses))]], "steps": tried["steps"]}


def _applied_to_small_models(
    content: Spec, plan: Plan, doublings: int, shipped: Plan
) -> tuple[dict[str, Spec], list[str]]:
    specs, without = {name: dict(spec) for name, spec in plan.conditions.items()}, list[str]()
    searched = dict(_conditions(content))
    for name, spec in plan.conditions.items():
        if experiment(name) not in content["experiments"] or spec["way"] != FAIR:
            continue
        source = plan.datasets[spec["dataset"]]["source"]
        arms = dict(spec["arms"])
        for arm, options in arms.items():
            if options.get("update") == "noise_walk":
                continue  # it has no learning rate
            choice = searched.get(name, {}).get(arm)
            fits = choice is not None and choice["spec"] == digest(spec, source, arm)
            if choice is not None and fits and _declared(spec, arm) == _declared(shipped.conditions[name], arm):
                arms[arm] = {**options, **chosen(choice, doublings)}
            else:
                without.append(f"{name}/{arm}")
        table = {key: arms["full"][key] for key in SEARCHED} if _is_searched(spec, arms, "full") else {}
        specs[name] = {**spec, "arms": arms, **({"full": table} if table else {})}
    return specs, without


def _is_searched(spec: Mapping[str, Any], arms: Mapping[str, Any], arm: str) -> bool:
    """Whether an arm has taken a rate and steps that its design does not say, and is otherwise the plain table."""
    return arm in arms and arms[arm] != spec["arms"][arm] and spec["arms"][arm] == {"encoder": "full"}


def _declared(spec: Mapping[str, Any], arm: str) -> list[Any]:
    """Returns rates and steps as the config says them; those of an overlay come before searched ones."""
    options, training = spec["arms"][arm], spec["training"]
    return [[options.get(key), training[key]] for key in SEARCHED]


def told(without: Sequence[str], most: int = 3) -> Iterable[str]:
    """Yields a line about arms of searched experiments that have no searched rate, if there are any."""
    if without:
        more = f" and {len(without) - most} more" if len(without) > most else ""
        names = ", ".join(without[:most])
        yield f"no searched learning rate for {names}{more}; they take rates and steps of the config"
