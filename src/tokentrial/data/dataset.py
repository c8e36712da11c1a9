"""A synthetic data set: token sequences with their floors and ceilings, written to and read from Parquet."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from tokentrial import __version__, results
from tokentrial.data.spec import SPLITS, Targets, parse_spec
from tokentrial.errors import InputError

Tokens = npt.NDArray[np.int32]

REFERENCE_COLUMNS = ("seed", "split", "quantity", "value", "unit")


@dataclass(frozen=True)
class Dataset:
    """Token sequences of all splits and seeds: ``tokens[split]`` is (seeds, sequences, length) int32.

    ``spec`` is the full specification; ``seed`` is the number that all streams start from. ``reference`` holds floors
    and ceilings per replicate in the columns seed, split, quantity, value, unit (see
    :func:`tokentrial.data.generate.generate`).
    """

    tokens: dict[str, Tokens]
    vocab_size: int
    targets: Targets
    spec: dict[str, Any]
    seed: int
    reference: pd.DataFrame

    def to_parquet(self, path: str | Path, reference_path: str | Path, name: str) -> None:
        """Writes the sequences and, under the data set's ``name``, the reference levels.

        The same content has the same bytes.
        """
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
    """Returns one row per sequence, in the columns of results.DATA."""
    seeds, n, length = tokens.shape
    offsets = np.arange(seeds * n + 1, dtype=np.int32) * length
    kind = results.DATA.field("tokens").type
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(tokens.ravel()), type=kind)
    seed = pa.array(np.repeat(np.arange(seeds, dtype=np.int32), n))
    return pa.Table.from_arrays([seed, pa.array([split] * (seeds * n)), lists], schema=results.DATA)


def read_dataset(path: str | Path, reference_path: str | Path | None = None) -> Dataset:
    """Reads a data set written by :meth:`Dataset.to_parquet`. Without a reference file, ``reference`` is empty.

    Raises InputError that names the file if a file is missing, damaged or not a data set.
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
