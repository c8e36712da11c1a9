"""``tokentrial doctor``: what this machine has, and what will run here and how long."""

from tokentrial.cli import common
from tokentrial.cli.common import Json


def doctor(json: Json = False) -> None:
    """Say what will run on this machine, and about how long."""
    from tokentrial.publish import machine

    facts = machine.examined()
    if json:
        common.emit_json(facts)
        return
    for name, fact in facts.items():
        common.emit(f"{name.replace('_', ' '):<12} {fact}\n")
