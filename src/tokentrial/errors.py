"""The one exception for a user's mistake."""


class InputError(ValueError):
    """Bad input: a config key, a file or a value that cannot be used.

    The message is one line that names the file and the key, what was found and what was expected. Scripts print it
    and exit with a non-zero status; no traceback is shown.
    """
