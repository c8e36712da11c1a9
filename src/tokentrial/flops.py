"""Returns the FLOPs of training jobs by formula, for the share of a machine's matrix-multiply rate that they reach.

Counted: the matrix products of training steps, of validation measurements and of the last measurement, with two FLOPs
for each multiplication and addition of a product. A layer costs one product forward, one for the gradient of its
weights if they are trained, and one for the gradient of its input if an earlier part is trained: three products in the
middle of a trained model. Attention has two products over all pairs of positions, masked or not, and each product has
two gradients.

Not counted: lookups, biases, softmax, norms, activations, dropout, optimisers, Mamba's convolution and parallel scan,
k-means and eigenvectors of the two-stage codes, the released autoencoder's first stage, and cramming's controls and
greedy decoding. ``lookup`` says how the small models' code processes a text of at least V tokens. With lookup, the
task model's first layer is computed once for each of the V tokens, and loss and accuracy are measured one after the
other. Without, it is computed once for each place, as in the first shipped run. The formula of a training step equals
the count of ``torch.utils.flop_counter`` (tested; the counter does not see an LSTM). Of whole conditions of small
models, six were within 0.1 % without lookup and three within 2 % with it.

Shapes: S seeds, R learning rates, N sequences, B of them in a step, L tokens, V vocabulary, D full width, d width of
the encoder's vectors, h hidden units, W width of a body.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from tokentrial.encoders.schemes import scheme
from tokentrial.studies.small_models import TWO_STAGE
from tokentrial.training.condition import OF_TRAINING
from tokentrial.training.loop import EVALUATION_LOGITS, LOOKUP_LOGITS

RULES = ("train", "language_model", "full_language_model", "cram")  # rules whose jobs have a formula
# Encoders whose vectors receive no gradient.
FROZEN = ("random_frozen", "one_hot", "unigram", "pca", "autoencoder", "autoencoder_direction", "autoencoder_released")
AFTER_TRAINING = (
    "svd",
    "quantised",
    "product_quantised",
    "tensor_train",
    "low_rank_residual",
)  # a trained model's table, changed; nothing is trained

Spec = Mapping[str, Any]


class Layer(NamedTuple):
    """A matrix product: FLOPs forward, and the number of equal products in its backward pass (0, 1 or 2)."""

    forward: float
    backward: int = 2

    @property
    def trained(self) -> float:
        return self.forward * (1 + self.backward)


def product(rows: float, inner: float, columns: float) -> float:
    """Returns the FLOPs of (rows x inner) @ (inner x columns)."""
    return 2 * rows * inner * columns


# Small models (learned_encoding, bespoke)


@dataclass(frozen=True)
class Sizes:
    """A data set: sequences by split, input tokens L and predictions T of a sequence, training counts (S, V)."""

    sequences: Mapping[str, int]
    length: int
    targets: int
    counts: npt.NDArray[np.int64]


def small_models(spec: Spec, sizes: Sizes, lookup: bool = True) -> float:
    """Returns the FLOPs of a condition: each arm once, and the full table's training if an arm needs this table."""
    arms = list(spec["arms"].values())
    if any(_needs_full(options) for options in arms):
        arms.append({"encoder": "full"})
    different = {json.dumps(options, sort_keys=True): options for options in arms}
    return float(spec["seeds"]) * sum(small_model(spec, options, sizes, lookup) for options in different.values())


def small_model(spec: Spec, options: Spec, sizes: Sizes, lookup: bool = True) -> float:
    """Returns the FLOPs of one seed of an arm at all learning rates: first stage, steps, validation, measurement."""
    training = spec["training"]
    walk = options.get("update") == "noise_walk"
    tried = options.get("learning_rates", training["learning_rates"])
    rates, steps = 1 if walk else len(tried), options.get("steps", training["steps"])
    every = max(1, steps // training["evaluations"])
    looks = 1 + steps // every + (steps % every > 0)
    step = sum(layer.forward if walk else layer.trained for layer in step_layers(spec, options, sizes, lookup))
    sizes_measured = {**sizes.sequences, "train": min(sizes.sequences[split] for split in ("train", "test"))}
    last = {split: measured(spec, options, sizes, count, lookup) for split, count in sizes_measured.items()}
    passes = 2 if lookup else 1  # loss and accuracy, or both at once
    end = passes * sum(last.values()) + (last["test"] if spec.get("bands") else 0.0)
    return float(first_stage(spec, options) + rates * (steps * step + looks * last["validation"]) + end)


def step_layers(spec: Spec, options: Spec, sizes: Sizes, lookup: bool = True) -> list[Layer]:
    """Returns the products of one seed's training step at one learning rate."""
    batch = spec["training"]["batch_size"]
    if batch is None and spec["head"] == "token_mlp":  # by pair counts: each token once
        return layers(spec, options, sizes, spec["vocab_size"], 1, lookup)
    everything = sizes.sequences["train"]
    return layers(spec, options, sizes, everything if batch is None else min(batch, everything), sizes.length, lookup)


def measured(spec: Spec, options: Spec, sizes: Sizes, sequences: int, lookup: bool) -> float:
    """Returns the FLOPs of the loss of this number of sequences."""
    vocab_size, length = spec["vocab_size"], sizes.length
    few = vocab_size <= sequences * length and vocab_size**2 <= LOOKUP_LOGITS
    if lookup and few and spec["head"] == "token_mlp":
        return sum(layer.forward for layer in layers(spec, options, sizes, vocab_size, 1, lookup))
    chunk = max(1, EVALUATION_LOGITS // (sizes.targets * vocab_size))
    parts = [min(chunk, sequences - start) for start in range(0, sequences, chunk)]
    return sum(layer.forward for part in parts for layer in layers(spec, options, sizes, part, length, lookup))


def layers(spec: Spec, options: Spec, sizes: Sizes, batch: int, length: int, lookup: bool) -> list[Layer]:
    """Returns the products of one seed's model on ``batch`` sequences of ``length`` tokens."""
    vocab_size, hidden = spec["vocab_size"], spec["hidden"]
    tokens = batch * length
    by_table = lookup and tokens >= vocab_size
    rows = vocab_size if by_table else tokens
    width = output_width(spec, options)
    reaches = 2 if trains_vectors(options) else 1  # 2 if the first layer's input needs a gradient
    mapped = min(tokens, vocab_size) if options["encoder"] == "banded" else rows  # bands always map each token once
    first = [Layer(encoder_flops(spec, options, sizes.counts) * mapped)]
    if spec["head"] == "mean_pool":
        return [*first, Layer(product(batch, width, vocab_size), reaches)]
    if spec["head"] == "token_mlp":
        return [*first, Layer(product(rows, width, hidden), reaches), Layer(product(tokens, hidden, vocab_size))]
    pairs = length * rows if by_table else rows  # each place has its own map
    return [*first, Layer(product(pairs, width, hidden), reaches), Layer(product(batch, hidden, vocab_size))]


def output_width(spec: Spec, options: Spec) -> int:
    """Returns the width of the encoder's vectors."""
    name = options["encoder"]
    if name in ("full", "factorised", "banded", "quotient_remainder", "hashed", *AFTER_TRAINING):
        return int(spec["full_width"])
    if name == "one_hot":
        return int(spec["vocab_size"])
    return 1 if name == "unigram" else int(spec["width"])


def trains_vectors(options: Spec) -> bool:
    """Whether the encoder's vectors receive a gradient from the task."""
    return options["encoder"] not in (*FROZEN, *AFTER_TRAINING) or bool(options.get("finetune", False))


def encoder_flops(spec: Spec, options: Spec, counts: npt.NDArray[np.int64]) -> float:
    """Returns the FLOPs of the encoder's products for one token.

    For bands of different widths, this is the mean over tokens and seeds.
    """
    if options["encoder"] in ("factorised", "svd"):
        return product(1, spec["width"], spec["full_width"])
    if options["encoder"] != "banded":
        return 0.0
    vocab_size = counts.shape[1]
    others = ("encoder", "layout", "order", *OF_TRAINING)
    known = {key: value for key, value in options.items() if key not in others}
    layout_of = scheme(options["layout"], vocab_size, spec["full_width"], **known).layout
    layouts = [layout_of(values) for values in counts]
    mapped = [band.rows * band.width for one in layouts for band in one.bands if band.reach != "direct"]
    return product(1, sum(mapped) / len(layouts) / vocab_size, spec["full_width"])


def first_stage(spec: Spec, options: Spec, vocab_size: int | None = None) -> float:
    """Returns the FLOPs of an autoencoder's reconstruction of V rows; 0 for every other encoder."""
    if options["encoder"] not in ("autoencoder", "autoencoder_direction"):
        return 0.0
    rows, full, width = vocab_size or spec["vocab_size"], spec["full_width"], spec["width"]
    steps = options.get("reconstruction_steps", 1000)
    if options.get("variant") == "deep":
        hidden = (full + width) // 2
        chain = [(full, hidden), (hidden, width), (width, hidden), (hidden, full)]
    else:
        chain = [(full, width), (width, full)]
    maps = [Layer(product(rows, *shape), 1 if place == 0 else 2) for place, shape in enumerate(chain)]
    if options.get("variant") == "variational":
        maps.append(Layer(product(rows, full, width), 1))
    return float(steps * sum(one.trained for one in maps))


def _needs_full(options: Spec) -> bool:
    return options["encoder"] in TWO_STAGE and options.get("table", "task") == "task"


# Language models (language_models)


def language_model(spec: Spec, tokens: Mapping[str, int], counts: npt.NDArray[np.int64]) -> float:
    """Returns the FLOPs of a job.

    tokens: number of tokens in each split's text; counts (1, V): occurrences in the training text.
    """
    training, vocab_size = spec["training"], counts.shape[1]
    length, size = training["length"], training["batch_size"]
    held_out = {split: int(tokens[split] * training["held_out_fraction"]) for split in ("validation", "test")}
    measured_tokens = held_out["validation"] + 2 * held_out["test"]  # as many training tokens as test tokens
    forward = sum(layer.forward for layer in language_layers(spec, counts, size)) / (size * length)
    if spec["encoder"]["encoder"] in AFTER_TRAINING:
        return float(spec["seeds"] * forward * measured_tokens)
    steps = training["epochs"] * ((int(tokens["train"] * training["fraction"]) - 1) // length // size)
    looks = 1 + (training["epochs"] if training["schedule"] == "plateau" else training["evaluations"])
    step = sum(layer.trained for layer in language_layers(spec, counts, size))
    run = steps * step + looks * held_out["validation"] * forward
    rates = len(training["learning_rates"])
    return float(
        spec["seeds"] * (first_stage(spec, spec["encoder"], vocab_size) + rates * run + forward * measured_tokens)
    )


def language_layers(spec: Spec, counts: npt.NDArray[np.int64], batch: int) -> list[Layer]:
    """Returns the products of a step on ``batch`` rows of ``length`` tokens."""
    vocab_size, length, width = counts.shape[1], spec["training"]["length"], spec["body_width"]
    tokens, options = batch * length, spec["encoder"]
    vectors = output_width(spec, options)
    reaches = 2 if trains_vectors(options) else 1
    rows = vocab_size if options["encoder"] == "banded" and vocab_size <= tokens else tokens
    products = [Layer(encoder_flops(spec, options, counts) * rows)]
    lifted = vectors != width
    if lifted:
        products.append(Layer(product(tokens, vectors, width), reaches))
    products += body_layers(spec["body"], width, length, tokens, reaches=2 if lifted else reaches)
    if spec["tied"]:
        products.append(Layer(encoder_flops(spec, options, counts) * vocab_size))
        if lifted:
            products.append(Layer(product(tokens, width, vectors)))
    return [
        *products,
        Layer(product(tokens, vectors if spec["tied"] else width, vocab_size), reaches if spec["tied"] else 2),
    ]


def body_layers(body: Spec, width: int, length: int, tokens: int, reaches: int) -> Iterator[Layer]:
    """Yields the products of a body for ``tokens`` tokens in rows of ``length``; reaches: first backward products."""
    for number in range(body["layers"]):
        first = 2 if number or body.get("positions", True) else reaches
        if body["kind"] == "lstm":
            yield Layer(product(tokens, width, 4 * width), 2 if number else reaches)
            yield Layer(product(tokens, width, 4 * width))
            continue
        yield Layer(product(tokens, width, 3 * width), first)
        yield Layer(2 * product(tokens, width, length))  # queries by keys, weights by values
        yield Layer(product(tokens, width, width))
        yield Layer(product(tokens, width, body["feedforward"]))
        yield Layer(product(tokens, body["feedforward"], width))


# Cramming


def cramming_step(shape: Spec, length: int, vectors: int, predicted: int) -> float:
    """Returns the FLOPs of one step of one text of ``length`` tokens after ``vectors`` vectors.

    shape: the model's config.json; predicted: number of predicted tokens. The model is frozen: a layer has only the
    gradient of its input.
    """
    positions = vectors + length - 1
    with_weights, between = frozen_layer(shape, positions)
    head = product(predicted, shape["hidden_size"], shape["vocab_size"])
    return float(shape["num_hidden_layers"] * positions * (2 * with_weights + between) + 2 * head)


def frozen_layer(shape: Spec, positions: int) -> tuple[float, float]:
    """Returns the FLOPs of a layer's products per position, in two parts.

    The first part is the forward products with weights, the second all products between activations, with gradients.
    """
    width, inner, kind = shape["hidden_size"], shape["intermediate_size"], shape["model_type"]
    attention = 3 * 2 * product(1, width, positions)
    if kind == "llama":
        return product(1, width, 4 * width + 3 * inner), attention
    if kind == "gpt_neox":
        return product(1, width, 4 * width + 2 * inner), attention
    rank, state = shape["time_step_rank"], shape["state_size"]
    weights = width * 2 * inner + inner * (rank + 2 * state) + rank * inner + inner * width
    # products of states with their readers, the two gradients, and the gradient of the writers (cramming/scan.py)
    return product(1, weights, 1), 4 * product(1, inner, state)


def cramming(spec: Spec, shape: Spec, steps: Mapping[tuple[str, int, int], float]) -> float:
    """Returns the FLOPs of a job. steps: total steps of all texts by (arm, length, vectors), from the job's rows."""
    first = 0 if spec["predict_first"] else 1
    return sum(
        count * cramming_step(shape, length, vectors, length - first) for (_, length, vectors), count in steps.items()
    )


# From the files of a run


def of_job(rule: str, spec: Spec, folder: Path, lookup: bool = True) -> float:
    """Returns the FLOPs of a finished job of one of the RULES, from its specification and the run in ``folder``."""
    if rule == "train":
        return small_models(spec, sizes_of(folder / f"results/data/{spec['dataset']}.parquet", spec), lookup)
    if rule == "cram":
        return cramming(spec, _shape(spec, folder), text_steps(folder / f"results/runs/{spec['condition']}.parquet"))
    texts = folder / "results/data/corpus" / spec["tokens"]
    tokens = {split: pq.read_metadata(texts / f"{split}.parquet").num_rows for split in ("train", "validation", "test")}
    vocab_size = pq.read_metadata(texts / "vocabulary.parquet").num_rows
    ids = pq.read_table(texts / "train.parquet").column(0).to_numpy()
    used = ids[: int(len(ids) * spec["training"]["fraction"])]
    return language_model(spec, tokens, np.bincount(used, minlength=vocab_size)[None])


STEPS = ("steps", "search_steps")  # of texts at the lengths of a design, and of its search


def text_steps(path: Path) -> dict[tuple[str, int, int], float]:
    """Returns total steps of all texts by (arm, length, vectors), from the rows of a cramming job."""
    rows = pq.read_table(path, columns=["condition", "arm", "metric", "value"], filters=[("metric", "in", STEPS)])
    steps: dict[tuple[str, int, int], float] = {}
    for row in rows.to_pylist():
        place = re.search(r"n-(\d+)-m-(\d+)$", row["condition"])
        if place and row["value"]:
            key = (row["arm"], int(place[1]), int(place[2]))
            steps[key] = steps.get(key, 0.0) + row["value"]
    return steps


def _shape(spec: Spec, folder: Path) -> dict[str, Any]:
    """Returns the config.json of a cramming job's model: trained by the run, shipped, or from the hub."""
    parents = ("results/models/cramming", "models/wikitext-2", "results/models/hub")
    places = [folder / parent / spec["model"] for parent in parents]
    path = next(place / "config.json" for place in places if place.is_dir())
    shape: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return shape


def sizes_of(path: Path, spec: Spec) -> Sizes:
    """Returns the sizes of a data set's file."""
    data = pq.read_table(path)
    splits, seeds = (data.column(name).to_numpy() for name in ("split", "seed"))
    sequences = {split: int((splits == split).sum()) // spec["seeds"] for split in ("train", "validation", "test")}
    tokens = data.column("tokens").combine_chunks()
    length = len(tokens[0])
    ids = tokens.flatten().to_numpy().reshape(-1, length)
    counts = [
        np.bincount(ids[(splits == "train") & (seeds == seed), :-1].ravel(), minlength=spec["vocab_size"])
        for seed in range(spec["seeds"])
    ]
    return Sizes(sequences, length - 1, 1 if spec["head"] != "token_mlp" else length - 1, np.stack(counts))
