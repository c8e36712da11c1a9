"""Seeds as a batch dimension: what it saves against a loop over seeds, and against the released scripts' plain Python.

1. For three cells of the study, ten seeds trained in one batch against the same ten seeds trained one after the other.
   Same data, same steps; the results are compared too.
2. The proof of concept's size (V=20, d=4, one sequence of 7 tokens an update): gradient updates of ten batched seeds
   against the released update rule on plain Python lists, per model and update.

Both sides take turns within each repeat; CPU seconds of this process, one thread.

Run: ``python benchmarks/batched_seeds.py [--steps 100] [--repeats 5]``
"""

import argparse
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded

import torch
from released_scripts import compare, plain_step_losses

from tokentrial.data.generate import generate
from tokentrial.encoders.base import Context
from tokentrial.models import heads
from tokentrial.schema import study_files
from tokentrial.studies.small_models import conditions, datasets
from tokentrial.training.condition import Job, build, tensors, token_counts
from tokentrial.training.loop import Fit, Settings, fit

CELLS = ("compression/done-right/v20-ratio-8", "markov/done-right/ratio-8-mean-pool", "vocabulary/done-right/v500")


def trainer(spec: dict[str, Any], source: dict[str, Any], steps: int) -> Any:
    """A function that trains the learned arm of a condition for some of its seeds."""
    data = tensors(generate(source["source"], source["seed"], spec["seeds"]), torch.device("cpu"))
    job = Job(spec, data, token_counts(data["train"][0], spec["vocab_size"]))
    training: Settings = replace(job.settings(), steps=steps, evaluations=1)

    def train(replicates: tuple[int, ...]) -> Fit:
        rows = list(replicates)
        part = {split: (inputs[rows], targets[rows]) for split, (inputs, targets) in data.items()}
        encoder, head = build(job, "learned", {"encoder": "learned"})
        context = Context(spec["seed"], replicates, job.counts[rows], lambda: torch.empty(0), 1.0, lambda _: None)
        trainable, frozen = encoder.initialise(context)
        trainable |= heads.initialise(head, context, spec["head_scale"])
        return fit(encoder, head, trainable, frozen, part, training, spec["seed"], replicates, lambda _: None)

    return train


def largest_difference(train: Any, seeds: tuple[int, ...]) -> float:
    """The largest difference between any weight of a seed trained alone and in the batch."""
    together = train(seeds).parameters
    alone = [train((seed,)).parameters for seed in seeds]
    return max(
        float((together[name][k] - alone[k][name][0]).abs().max()) for name in together for k in range(len(seeds))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = study_files.default(Path(__file__).parents[1])
    specs, sources, seeds = conditions(config), datasets(config), tuple(range(config["seeds"]))
    for cell in CELLS:
        spec = specs[f"learned_encoding/{cell}"]
        train = trainer(spec, sources[spec["dataset"]], options.steps)
        title = f"{cell}: {len(seeds)} seeds, largest difference of a weight {largest_difference(train, seeds):g}"
        updates = options.steps * len(seeds) * len(spec["training"]["learning_rates"])
        loop = partial(lambda train: [train((seed,)) for seed in seeds], train)
        compare(title, loop, partial(train, seeds), options.repeats, updates, ("loop over seeds", "batched seeds"))
    spec = specs[f"learned_encoding/{CELLS[0]}"]
    small = {**spec, "training": {**spec["training"], "batch_size": 1, "learning_rates": [0.01]}}
    train = trainer(small, sources[spec["dataset"]], 200)
    # five epochs of the released loop are 1,000 updates of each of its two models; ten seeds do 200 steps each
    compare(
        "2,000 gradient updates batched against 2,000 noise updates of the released rule on lists",
        lambda: plain_step_losses(42, 5, 0),
        lambda: train(seeds),
        options.repeats,
        2000,
        ("plain Python", "batched seeds"),
    )


if __name__ == "__main__":
    main()
