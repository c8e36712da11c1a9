"""Support for folders of any name: quotes characters that a shell, a pattern or Slurm treats specially.

Snakemake 9.27 and its Slurm plugin 2.8 put paths into shell lines unquoted or quoted as in Python, so no job starts in
a folder called ``a b``. ``docs/upstream.md`` has each fault with an example. The functions replaced here are not
documented: on a Snakemake without them, nothing changes and the tests of odd folders fail.
"""

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

SPECIAL_IN_DOUBLE_QUOTES = re.compile(r"[\\$`]")


def mend() -> None:
    """Quotes paths that Snakemake, its executors and Slurm plugin leave unquoted. Called as the Snakefile is read."""
    _replace("snakemake.script", "ScriptBase", "_execute_cmd", _execute_script)
    _replace("snakemake.persistence.file", "", "listfiles", _list_files)
    _replace("snakemake_interface_executor_plugins.utils", "", "format_cli_value", _format_argument)
    for module, executor in (
        ("snakemake.executors.local", "Executor"),
        ("snakemake_interface_executor_plugins.executors.remote", "RemoteExecutor"),
        ("snakemake_executor_plugin_slurm_jobstep", "Executor"),
    ):
        _replace(module, executor, "get_python_executable", _python)
    _replace("snakemake_interface_executor_plugins.executors.remote", "RemoteExecutor", "tmpdir", _temporary_folder)
    _replace("snakemake_executor_plugin_slurm", "Executor", "format_job_exec", _command_in_double_quotes)
    _replace("snakemake_executor_plugin_slurm", "", "_select_logdir", _log_folder)
    _replace("snakemake_executor_plugin_slurm", "", "get_submit_command", _submit_command)


def _replace(module: str, owner: str, name: str, function: Callable[..., Any]) -> None:
    """Wraps a function of a loaded module, or of a class in it, once; ``function`` gets the original first."""
    place: ModuleType | type | None = sys.modules.get(module)
    if owner:
        place = getattr(place, owner, None)
    attribute = getattr(place, name, None)
    original = attribute.fget if isinstance(attribute, property) else attribute
    if original is None or hasattr(original, "of_tokentrial"):
        return

    def replacement(*args: Any, **kwargs: Any) -> Any:
        return function(original, *args, **kwargs)

    replacement.of_tokentrial = True  # type: ignore[attr-defined]
    setattr(place, name, property(replacement) if isinstance(attribute, property) else replacement)


def _execute_script(original: Callable[..., Any], script: Any, command: str, **kwargs: Any) -> Any:
    """Runs a script's interpreter; its path is the only value in the command without ``:q``."""
    return original(script, command.replace("{py_exec}", "{py_exec:q}"), **kwargs)


def _list_files(original: Callable[..., Iterator[Any]], pattern: str) -> Iterator[Any]:
    """Finds files (the run's locks) by a pattern in which braces in the folder's own name are no wildcards."""
    return original(os.path.relpath(pattern))


def _format_argument(original: Callable[..., str], value: Any, quote: bool = False, base64_encode: bool = False) -> str:
    """Returns an argument of a nested Snakemake, quoted for a shell and not as a Python string."""
    formatted = original(value, quote=quote, base64_encode=base64_encode)
    return shlex.quote(value) if isinstance(value, str) and formatted == repr(value) else formatted


def _python(original: Callable[[Any], str], executor: Any) -> str:
    return shlex.quote(original(executor))


def _temporary_folder(original: Callable[[Any], str], executor: Any) -> str:
    """Returns the folder that a job waits for, relative if its name has a line break: it may be a line of a file."""
    folder = original(executor)
    return os.path.relpath(folder) if "\n" in folder else folder


def _command_in_double_quotes(original: Callable[..., str], executor: Any, job: Any) -> str:
    """Returns a job's command for the plugin's double quotes; the plugin itself escapes quotes in the command."""
    command = original(executor, job)
    if executor.workflow.executor_settings.pass_command_as_script:
        return command
    return SPECIAL_IN_DOUBLE_QUOTES.sub(r"\\\g<0>", command)


def _log_folder(original: Callable[[Any], Path], workflow: Any) -> Path:
    """Returns the folder of Slurm's logs.

    The path is relative, since the plugin takes ``%j`` in a folder's name as its own mistake. Slurm drops a backslash
    in a log's path; with two backslashes it does not put the job's number into the name. Such logs go below the home
    folder, in ``.snakemake/slurm_logs``.
    """
    folder = original(workflow)
    if "\\" in str(folder):
        return Path.home() / ".snakemake" / "slurm_logs"
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def _submit_command(original: Callable[..., str], job: Any, params: dict[str, Any], **kwargs: Any) -> str:
    """Returns the line that submits a job, with percent signs in the log's folder escaped from Slurm's placeholders."""
    log = Path.cwd() / params["slurm_logfile"]
    return original(job, {**params, "slurm_logfile": f"{log.parent}".replace("%", "%%") + f"/{log.name}"}, **kwargs)
