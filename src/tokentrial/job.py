"""What every workflow script shares: output goes to the job's log, a user's mistake ends it with one line."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from tokentrial.errors import InputError


@contextmanager
def logged(log: str) -> Iterator[None]:
    """Run a script's body with stdout and stderr in its log.

    An InputError is printed as one line, to the log and to the terminal, and the script exits with status 1. Any other
    exception leaves its traceback in the log and is raised again.
    """
    terminal = sys.stderr
    with Path(log).open("w", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
        try:
            yield
        except InputError as error:
            print(f"error: {error}", file=file)
            print(f"error: {error}", file=terminal)
            sys.exit(1)
        except BaseException:
            traceback.print_exc(file=file)
            raise
