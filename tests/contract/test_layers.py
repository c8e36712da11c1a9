"""Imports point down: a package of the library uses those below it, and no other."""

from pathlib import Path

import pytest

from tokentrial import code_lists

ROOT = Path(__file__).parents[2]
# From the ground up: each may import from those above its line here. The ground are modules without a package.
LAYERS = (
    "",
    "statistics",  # pure functions of arrays
    "data",
    "encoders",
    "embeddings",  # the encoders as modules for other people's models
    "models",
    "training",
    "cramming",
    "real_model",
    "released",
    "studies",  # the plan
    "schema",
    "run",
    "trial",  # an own encoder beside the shipped run, an own model by the studies' engines
    "claims",
    "own_study",  # a study of one's own, from its file to a config and claims
    "report",
    "publish",
    "cli",
)
# They look at every kind of file or model, and nothing imports them.
TOOLS = {
    "flops": "counts the operations of every training loop",
    "verify": "reads every kind of result",
    "__main__": "starts the command",
}


def layer(file: str) -> str:
    """The package of a module, by its file below src/tokentrial."""
    return file.partition("/")[0] if "/" in file else ""


def imports() -> dict[str, set[str]]:
    """File -> the library's files that it imports, its own package's included; but for the version's."""
    files = code_lists.modules(ROOT)
    return {
        file: {files[name] for name in code_lists.imported(ROOT, f"src/tokentrial/{file}.py") if name in files}
        - {"__init__"}
        for file in files.values()
    }


def test_every_package_has_a_layer() -> None:
    assert {layer(file) for file in imports()} == set(LAYERS)


@pytest.mark.parametrize("package", LAYERS)
def test_imports_point_down(package: str) -> None:
    allowed = set(LAYERS[: LAYERS.index(package) + 1])
    upward = {
        file: sorted(other for other in others if layer(other) not in allowed)
        for file, others in imports().items()
        if layer(file) == package and file not in TOOLS
    }
    assert {file: others for file, others in upward.items() if others} == {}


@pytest.mark.parametrize("tool", TOOLS)
def test_nothing_imports_a_tool(tool: str) -> None:
    assert [file for file, others in imports().items() if tool in others] == []


def test_an_upward_import_is_seen() -> None:
    """The report is above the claims: what it really imports would not do the other way round."""
    assert any(layer(other) == "claims" for others in imports().values() for other in others)
    assert LAYERS.index("claims") < LAYERS.index("report")
