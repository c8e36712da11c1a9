"""Exceptions for faults outside the program: a user's mistake, and a file that is not as it was written."""

from pathlib import Path


class InputError(ValueError):
    """Bad input: a config key, a file or a value that cannot be used.

    The message is one line that names the file and the key, the found value and the expected value. Scripts print the
    line, without a traceback, and exit with a non-zero status.
    """


class DamagedFile(InputError):
    """A file that is not as it was written: truncated, altered, or of another version.

    ``path`` names the file and ``reason`` says what was found. A job that meets a damaged file among the run's own
    results sets the file aside, so that it is made again.
    """

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}; delete it and run again")
        self.path, self.reason = Path(path), reason
