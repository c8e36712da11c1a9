"""One table from the tables of all training jobs: their rows, checked and in a fixed order."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from tokentrial import results

READERS = 4  # files read at once; half of the time is spent outside Python's lock


def collect(inputs: Sequence[str], output: str, schema: pa.Schema, studies: Sequence[str] | None = None) -> None:
    """Concatenates result files of one schema, in the order of ``inputs``; studies: whose rows are kept, None for all.

    Raises InputError that names the first file that cannot be read.
    """
    with ThreadPoolExecutor(READERS) as pool:
        tables = list(pool.map(partial(results.read, schema=schema), inputs))
    rows = pa.concat_tables(tables).replace_schema_metadata({})
    if studies is not None:
        rows = rows.filter(pc.is_in(rows["study"], pa.array(studies, pa.string())))
    results.write(output, rows)
