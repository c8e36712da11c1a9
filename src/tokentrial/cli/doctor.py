"""``tokentrial doctor``: what this machine has, and what will run here and how long."""

from tokentrial.cli import common
from tokentrial.cli.common import Json


def doctor(json: Json = False) -> None:
    """Say what will run on this machine, and about how long."""
    from tokentrial.publish import machine

    found = machine.examined()
    if json:
        common.emit_json(found)
        return
    for name, fact in found.items():
        common.emit(f"{name.replace('_', ' '):<12} {fact}\n")
