"""Synthetic data sets from a specification and a seed, with their floors and ceilings, to and from Parquet."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from tokentrial import __version__, results
from tokentrial.data import entropy
from tokentrial.data.markov import Chain, document_chain, zipf_chain
from tokentrial.data.patterns import Mixture, pattern_mixture
from tokentrial.data.spec import SPLITS, Spec, Split, Targets, integer, parse_spec
from tokentrial.data.zipf import zipf_probabilities
from tokentrial.errors import InputError
from tokentrial.seeds import stream

Tokens = npt.NDArray[np.int32]

REFERENCE_COLUMNS = ("seed", "split", "quantity", "value", "unit")


@dataclass(frozen=True)
class Dataset:
    """Token sequences of all splits and seeds: ``tokens[split]`` is (seeds, sequences, length) int32.

    ``spec`` is the full specification, ``seed`` the number all streams start from; ``reference`` has the columns seed,
    split, quantity, value, unit (floors and ceilings per replicate, see :func:`generate`).
    """

    tokens: dict[str, Tokens]
    vocab_size: int
    targets: Targets
    spec: dict[str, Any]
    seed: int
    reference: pd.DataFrame

    def to_parquet(self, path: str | Path, reference_path: str | Path, name: str) -> None:
        """Write the sequences and, under the data set's ``name``, the reference levels; same content, same bytes."""
        metadata = {
            "name": name,
            "seed": str(self.seed),
            "spec": json.dumps(self.spec, sort_keys=True),
            "tokentrial": __version__,
        }
        parts = [_rows(split, self.tokens[split]) for split in SPLITS]
        results.write(path, pa.concat_tables(parts).replace_schema_metadata(metadata))
        reference = self.reference.assign(dataset=name)[results.REFERENCE.names]
        results.write(reference_path, results.table(reference, results.REFERENCE, metadata))


def _rows(split: str, tokens: Tokens) -> pa.Table:
    """One row per sequence, in the columns of results.DATA."""
    seeds, n, length = tokens.shape
    offsets = np.arange(seeds * n + 1, dtype=np.int32) * length
    kind = results.DATA.field("tokens").type
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(tokens.ravel()), type=kind)
    seed = pa.array(np.repeat(np.arange(seeds, dtype=np.int32), n))
    return pa.Table.from_arrays([seed, pa.array([split] * (seeds * n)), lists], schema=results.DATA)


def read_dataset(path: str | Path, reference_path: str | Path | None = None) -> Dataset:
    """Read a data set written by :meth:`Dataset.to_parquet`; without its reference file ``reference`` is empty.

    Raises InputError naming the file where it is missing, damaged or not a data set.
    """
    rows = results.read(path, results.DATA)
    metadata = results.metadata(rows)
    try:
        spec, seed = parse_spec(json.loads(metadata["spec"])), int(metadata["seed"])
    except (KeyError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: metadata are not those of a data set ({error}); delete it and run again") from None
    splits, tokens = rows.column("split").to_numpy(), {}
    for split in SPLITS:
        lists = rows.column("tokens").filter(pa.array(splits == split)).combine_chunks()
        values = lists.flatten().to_numpy()
        n = spec.train if not spec.held_out else getattr(spec, split)
        if not values.size or len(lists) % n or values.size != len(lists) * spec.length:
            raise InputError(
                f"{path}: split '{split}' has {len(lists)} sequences and {values.size} tokens, expected a multiple of "
                f"{n} sequences of {spec.length}; delete it and run again"
            )
        tokens[str(split)] = np.array(values.reshape(-1, n, spec.length), dtype=np.int32)
        if values.min() < 0 or values.max() >= spec.vocab_size:
            raise InputError(f"{path}: token ids do not fit vocabulary size {spec.vocab_size}; delete it and run again")
    reference = pd.DataFrame(columns=list(REFERENCE_COLUMNS))
    if reference_path is not None:
        reference = results.read(reference_path, results.REFERENCE).to_pandas()[list(REFERENCE_COLUMNS)]
    return Dataset(tokens, spec.vocab_size, spec.targets, spec.as_dict(), seed, reference)


def generate(spec: Mapping[str, Any], seed: int, seeds: int) -> Dataset:
    """Draw ``seeds`` replicates of the data set that ``spec`` describes (keys: :class:`tokentrial.data.spec.Spec`).

    Every replicate draws its own source and its own sequences from streams named by purpose, split and replicate, so
    its numbers do not depend on how many replicates are asked for, and a shuffled or relabelled data set has the same
    underlying sequences as the plain one. Raises InputError in one line for any unusable key.

    Reference quantities, per replicate and split: chance, unigram, floor_token, floor_history (nats); accuracy_chance,
    accuracy_constant, accuracy_token, accuracy_history (share); loss_train_rule and accuracy_train_rule where each
    split has a chain of its own; on the sampled split itself oracle_token, oracle_history, unigram_sample (nats) and
    accuracy_oracle_token, accuracy_oracle_history (share). See :mod:`tokentrial.data.entropy`.
    """
    checked = parse_spec(spec)
    seed, seeds = integer("seed", seed, 0), integer("seeds", seeds, 1)
    drawn: list[dict[Split, Tokens]] = []
    rows: list[tuple[int, str, str, float, str]] = []
    for replicate in range(seeds):
        sources = _sources(checked, seed, replicate)
        tokens = {split: _sequences(checked, sources[split], split, seed, replicate) for split in SPLITS}
        for split, levels in _levels(checked, sources, tokens).items():
            rows += [(replicate, split, name, value, _unit(name)) for name, value in levels.items()]
        drawn.append({split: _relabel(checked, sequences, seed, replicate) for split, sequences in tokens.items()})
    stacked = {str(split): np.stack([tokens[split] for tokens in drawn]) for split in SPLITS}
    reference = pd.DataFrame(rows, columns=list(REFERENCE_COLUMNS)).astype({"seed": "int32"})
    return Dataset(stacked, checked.vocab_size, checked.targets, checked.as_dict(), seed, reference)


def write_dataset(spec: str, name: str, data: str, reference: str) -> None:
    """Draw the data set ``name`` of the canonical JSON ``spec`` (keys source, seed, seeds) and write its two files."""
    design = json.loads(spec)
    generate(design["source"], seed=design["seed"], seeds=design["seeds"]).to_parquet(data, reference, name=name)


def _sources(spec: Spec, seed: int, replicate: int) -> dict[Split, Chain | Mixture]:
    """The source of each split; the training split's is the same whether or not the others have their own."""
    names = {split: (split,) if spec.chains == "per_split" and split != "train" else () for split in SPLITS}
    made = {name: _source(spec, stream(seed, "source", replicate, *name)) for name in set(names.values())}
    return {split: made[names[split]] for split in SPLITS}


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
    """Sequences (n, length) of one split and replicate, before relabelling."""
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
    """Reference quantities per split; ids are those of the source (relabelling changes none of them)."""
    laws = {id(s): entropy.pair_law(s, spec.length, spec.targets, spec.shuffle) for s in sources.values()}
    levels: dict[Split, dict[str, float]] = {}
    for split, source in sources.items():
        law = laws[id(source)]
        found = entropy.pair_levels(law) | entropy.history_levels(source, law, spec.targets, spec.shuffle)
        if source is not sources["train"]:
            found |= entropy.rule_levels(law, laws[id(sources["train"])])
        found |= entropy.sample_levels(law, tokens[split], spec.targets)
        if isinstance(source, Mixture) and not spec.shuffle:
            found |= entropy.history_sample_levels(source, tokens[split], spec.targets)
        levels[split] = found
    return levels
