# PURPOSE  Name the places of checkout, results and logs, and check that Python finds the library beside the Snakefile.
# INPUTS   the Snakefile's own place, the working directory, the prefix of a module
# OUTPUTS  ROOT, IS_MAIN, IS_HERE, PLACE, RESULTS, LOGS, PREFIX, DOCUMENT_FOLDERS, PLACES, moved()
# STEPS    find the checkout, name its files, stop where another library would run

import importlib.util
import os
import sys
from pathlib import Path

# The checkout. If it is the working directory, its files have relative paths, so that a moved checkout reruns nothing.
# Otherwise, and in a module, whose prefix is only for results, they have absolute paths.
ROOT = Path(str(workflow.current_basedir)).resolve().parents[1]
IS_MAIN = Path(workflow.main_snakefile).resolve() == ROOT / "Snakefile"
IS_HERE = IS_MAIN and ROOT == Path.cwd().resolve()
PLACE = "" if IS_HERE else f"{ROOT}/"
if "{" in PLACE:  # a brace cannot be escaped
    sys.exit(
        f"error: {ROOT}: Snakemake takes a brace in a path for a wildcard, expected the run to be started in this folder"
    )
RESULTS, LOGS = (str(workflow.modifier.path_modifier.replace_prefix(folder)) for folder in ("results", "logs"))
PREFIX = RESULTS.removesuffix("results")
if LOGS != f"{PREFIX}logs" or "logs" in Path(PREFIX).parts:
    sys.exit(f"error: module: results would be {RESULTS} and logs {LOGS}, expected one prefix without a folder 'logs'")

# The library beside the Snakefile must be the one that Python finds. Nothing is imported from it before this check.
LIBRARY = ROOT / "src/tokentrial"
installed = importlib.util.find_spec("tokentrial")
places = list(installed.submodule_search_locations or [installed.origin]) if installed else []
if not (LIBRARY / "__init__.py").is_file():
    sys.exit(f"error: {LIBRARY}: not found, expected the library beside the Snakefile, as in a checkout")
if len(places) != 1 or not os.path.isdir(places[0]) or not LIBRARY.samefile(places[0]):
    sys.exit(
        f"error: tokentrial: {sys.executable} finds {' and '.join(places) or 'none'}, expected {LIBRARY}, which is beside the "
        f"Snakefile; put PYTHONPATH={LIBRARY.parent} before the command, or pip install --no-deps -e {ROOT}"
    )

from tokentrial import checkout, documents
from tokentrial.errors import InputError

checkout.lead_children()
if workflow.is_main_process:
    checkout.drop_stale_bytecode()

# The folder of each document. Modules take the names of tables from them when they are imported, so that a mistake has
# to show here.
try:
    DOCUMENT_FOLDERS = documents.folders(ROOT)
    PLACES = [
        f"{PLACE}{folder.relative_to(ROOT).as_posix()}" if folder.is_relative_to(ROOT) else str(folder)
        for folder in documents.places(*DOCUMENT_FOLDERS).values()
    ]
except InputError as error:
    sys.exit(f"error: {error}")


# Results of the code alone, the same for every run.
OF_CODE = {f"{RESULTS}/calibration.parquet"}


def moved(named, folder, start=RESULTS):
    """Returns the inputs or outputs of a rule by name, with the files in the folder ``start`` moved to ``folder``.

    Results that do not depend on the run stay where they are.
    """

    def place(path):
        path = str(path)
        if path in OF_CODE:
            return path
        return f"{folder}/{path.removeprefix(f'{start}/')}" if path.startswith(f"{start}/") else path

    return {
        name: place(files) if isinstance(files, str) else [place(path) for path in files]
        for name, files in named.items()
    }
