"""What a condition or an arm is stands in columns: only the plan and the tables' own package take its name apart."""

import re
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[2] / "src/tokentrial"
# The plan makes the names, run/ describes them, code_lists reads paths; released/ has the scripts' own names.
ALLOWED = ("run/", "studies/", "schema/", "released/", "code_lists.py")
# Other texts with a slash or a hyphen: file -> what is taken apart there.
OTHERS = {
    "claims/decisions/single.py": "the name of a model on a hub",
    "claims/rules/results.py": "an experiment as a claim's entry names it",
    "claims/frozen.py": "an experiment as a claim's entry names it",
    "claims/sensitivity.py": "an arm as a claim's entry names it",
    "publish/spot_check.py": "a job, which a rule names",
    "report/figures/gains.py": "the name of a language model",
    "publish/crate/": "paths of files",
    "publish/reference/text.py": "a commit with what follows it",
    "training/twins.py": "a job, which a rule names",
}
TAKEN_APART = re.compile(
    r"""split\(["'][/-]["']|partition\(["'][/-]["']\)|str\.(?:split|contains|extract|fullmatch)\(|["'/]as-(?:released|described)/"""
    r"""|/done-right|(?:starts|ends)with\(f?["'](?:[a-z_{}]+/|-)"""
)


def offences(text: str) -> list[str]:
    """The lines that take a name apart, or put one together to ask for it."""
    return [
        line.strip() for line in text.splitlines() if TAKEN_APART.search(line) and not line.lstrip().startswith('"""')
    ]


def test_only_the_plan_and_the_view_take_names_apart() -> None:
    files = {path.relative_to(LIBRARY).as_posix(): path for path in LIBRARY.rglob("*.py")}
    elsewhere = {name: path for name, path in files.items() if not name.startswith((*ALLOWED, *OTHERS))}
    found = {name: lines for name, path in elsewhere.items() if (lines := offences(path.read_text(encoding="utf-8")))}
    assert found == {}


@pytest.mark.parametrize("name", OTHERS)
def test_the_exceptions_are_still_needed(name: str) -> None:
    paths = [LIBRARY / name] if name.endswith(".py") else sorted((LIBRARY / name).glob("*.py"))
    assert any(offences(path.read_text(encoding="utf-8")) for path in paths)


@pytest.mark.parametrize(
    "line",
    [
        'way = condition.split("/")[2]',
        'rows["condition"].str.contains("/done-right/")',
        'study, _, rest = name.partition("/")',
        'size = arm.partition("-")[2]',
        'f"{study}/as-released/{script}"',
        'fresh = name.endswith("-fresh")',
        'mine = [name for name in names if name.startswith(f"{study}/")]',
    ],
)
def test_names_taken_apart_are_seen(line: str) -> None:
    assert offences(line) == [line]
