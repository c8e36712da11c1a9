"""Synthetic data sets from a specification and a seed, with their floors and ceilings."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tokentrial.data.dataset import REFERENCE_COLUMNS, Dataset, Tokens
from tokentrial.data.levels import (
    history_levels,
    history_sample_levels,
    pair_law,
    pair_levels,
    rule_levels,
    sample_levels,
)
from tokentrial.data.markov import Chain, document_chain, zipf_chain
from tokentrial.data.patterns import Mixture, pattern_mixture
from tokentrial.data.spec import SPLITS, Spec, Split, integer, parse_spec
from tokentrial.data.zipf import zipf_probabilities
from tokentrial.seeds import stream


def generate(spec: Mapping[str, Any], seed: int, seeds: int) -> Dataset:
    """Draws ``seeds`` replicates of the data set that ``spec`` describes (keys: :class:`tokentrial.data.spec.Spec`).

    Every replicate draws its source and its sequences from streams named by purpose, split and replicate. So its
    numbers do not depend on the number of replicates, and a shuffled or relabelled data set has the same underlying
    sequences as the plain one. Raises InputError in one line for any unusable key.

    Reference quantities, per replicate and split: chance, unigram, floor_token, floor_history (nats); accuracy_chance,
    accuracy_constant, accuracy_token, accuracy_history (share); loss_train_rule and accuracy_train_rule if each split
    has its own chain; on the sampled split itself oracle_token, oracle_history, unigram_sample (nats) and
    accuracy_oracle_token, accuracy_oracle_history (share). See :mod:`tokentrial.data.levels`.
    """
    checked = parse_spec(spec)
    seed, seeds = integer("seed", seed, 0), integer("seeds", seeds, 1)
    drawn: list[dict[Split, Tokens]] = []
    rows: list[tuple[int, str, str, float, str]] = []
    for replicate in range(seeds):
        drawn_as = checked.drawn_as("data", replicate)
        sources = _sources(checked, seed, drawn_as)
        tokens = {split: _sequences(checked, sources[split], split, seed, drawn_as) for split in SPLITS}
        for split, levels in _levels(checked, sources, tokens).items():
            rows += [(replicate, split, name, value, _unit(name)) for name, value in levels.items()]
        drawn.append({split: _relabel(checked, sequences, seed, drawn_as) for split, sequences in tokens.items()})
    stacked = {str(split): np.stack([tokens[split] for tokens in drawn]) for split in SPLITS}
    reference = pd.DataFrame(rows, columns=list(REFERENCE_COLUMNS)).astype({"seed": "int32"})
    return Dataset(stacked, checked.vocab_size, checked.targets, checked.as_dict(), seed, reference)


def write_dataset(spec: str, name: str, data: str, reference: str) -> None:
    """Draws the data set ``name`` of the canonical JSON ``spec`` (keys source, seed, seeds); writes its two files."""
    design = json.loads(spec)
    generate(design["source"], seed=design["seed"], seeds=design["seeds"]).to_parquet(data, reference, name=name)


def _sources(spec: Spec, seed: int, replicate: int) -> dict[Split, Chain | Mixture]:
    """Returns the source of each split. The training source is the same whether or not other splits have their own."""
    names = {split: (split,) if spec.chains == "per_split" and split != "train" else () for split in SPLITS}
    by_name = {name: _source(spec, stream(seed, "source", replicate, *name)) for name in set(names.values())}
    return {split: by_name[names[split]] for split in SPLITS}


def _source(spec: Spec, rng: np.random.Generator) -> Chain | Mixture:
    size = spec.vocab_size
    if spec.source == "markov":
        return Chain(document_chain(size, rng), np.full(size, 1.0 / size))
    if spec.source == "patterns":
        assert spec.kind is not None and spec.variant is not None and spec.noise is not None
        return pattern_mixture(spec.kind, spec.variant, size, spec.length, spec.noise, rng)
    assert spec.exponent is not None
    if spec.source == "zipf_iid":
        law = zipf_probabilities(size, spec.exponent)
        return Chain(np.broadcast_to(law, (size, size)), law, independent=True)
    assert spec.sharpness is not None
    return Chain(*zipf_chain(size, spec.exponent, spec.sharpness, rng))


def _sequences(spec: Spec, source: Chain | Mixture, split: Split, seed: int, replicate: int) -> Tokens:
    """Returns sequences (n, length) of one split and replicate, before relabelling."""
    if not spec.held_out:
        split = "train"
    tokens = source.sample(getattr(spec, split), spec.length, stream(seed, "sequences", split, replicate))
    if spec.shuffle:
        tokens = stream(seed, "shuffle", split, replicate).permuted(tokens, axis=1)
    return tokens


def _relabel(spec: Spec, tokens: Tokens, seed: int, replicate: int) -> Tokens:
    if not spec.relabel:
        return tokens
    return stream(seed, "relabel", replicate).permutation(spec.vocab_size).astype(np.int32)[tokens]


def _unit(quantity: str) -> str:
    return "share" if quantity.startswith("accuracy") else "nats"


def _levels(
    spec: Spec, sources: dict[Split, Chain | Mixture], tokens: dict[Split, Tokens]
) -> dict[Split, dict[str, float]]:
    """Returns reference quantities per split, computed with the source's ids (relabelling changes no quantity)."""
    laws = {id(s): pair_law(s, spec.length, spec.targets, spec.shuffle) for s in sources.values()}
    levels: dict[Split, dict[str, float]] = {}
    for split, source in sources.items():
        law = laws[id(source)]
        quantities = pair_levels(law) | history_levels(source, law, spec.targets, spec.shuffle)
        if source is not sources["train"]:
            quantities |= rule_levels(law, laws[id(sources["train"])])
        quantities |= sample_levels(law, tokens[split], spec.targets)
        if isinstance(source, Mixture) and not spec.shuffle:
            quantities |= history_sample_levels(source, tokens[split], spec.targets)
        levels[split] = quantities
    return levels
