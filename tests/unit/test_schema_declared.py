"""The studies' files: what is shipped can be used, and a mistake in one's own is named in one line."""

from pathlib import Path

import pytest
import views

from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.report import catalogue
from tokentrial.schema.declared import Study, checked

FILE = """
title: A study of {corpus}
real_text: true
experiments:
  first: {title: First (001), short: 1st}
  second: {title: Second (002), baselines: [slow]}
question: {encodings: [quick], baselines: [slow, slower]}
methods:
  quick: {role: own, look: {color: blue, marker: o}}
  slow: {name: very slow, role: baseline}
  slower: {look: {label: slower still, color: green, marker: s, size: 3}}
tables:
  all:
    title: Everything
    kind: arms
    select: {way: done-right}
    order: own first
    heading: data
    raw: {arm: arm.arm, "loss_{}": {loss: [mean, low]}}
    columns: {Arm: {format: text, of: arm}, Loss: {format: number, of: loss_mean, decimals: 2}}
    notes: [A note.]
  few: {title: A few, kind: trend, csv: [loss, low], columns: {Loss: {format: number, of: loss}}, notes: []}
figures:
  some: {title: Some, legend: A line, caption: Some of it., kind: ratios of seeds, x_label: X, samples: [{color: sky}]}
"""


def study(folder: Path, text: str = FILE) -> Study:
    """A study's file, as it is read."""
    path = folder / "own.yaml"
    path.write_text(text)
    return checked(config.load(path), str(path))


def test_every_study_has_a_file_that_can_be_used() -> None:
    shipped = views.studies()
    assert set(shipped) == set(catalogue.STUDIES)
    for each in shipped.values():
        assert each.title and each.experiments and each.methods
        assert Study.model_validate(each.model_dump(exclude_unset=True)) == each
        # the question is asked of encodings that comparisons start from
        assert {each.role(name) for name in each.question.encodings} <= {"own"}


def test_what_is_not_said_has_its_usual_value(tmp_path: Path) -> None:
    own = study(tmp_path)
    roles = {name: own.role(name) for name in ("quick", "slow", "slower", "unknown")}
    assert roles == {"quick": "own", "slow": "baseline", "slower": "control", "unknown": "control"}
    assert own.methods["quick"].name is None and own.layouts == {}
    sizes = {name: method.look.size for name, method in own.methods.items() if method.look is not None}
    assert sizes == {"quick": 4.0, "slower": 3.0}
    assert list(own.baselines("first")) == ["slow", "slower"]  # the study's
    assert list(own.baselines("second")) == ["slow"]  # its own
    assert list(own.baselines("not declared")) == ["slow", "slower"]
    others = study(tmp_path, f"{FILE}others: own\n")  # of what is not declared
    assert [others.role(name) for name in ("slow", "slower", "unknown")] == ["baseline", "control", "own"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: A study of {corpus}\n", "", "title: not given, expected it"),
        ("real_text: true", "real_text: perhaps", "real_text: found 'perhaps', expected: a valid boolean"),
        ("methods:", "method:", "method: unknown key; did you mean 'methods'?"),
        ("title: First", "tilte: First", "experiments.first.tilte: unknown key; did you mean 'title'?"),
        ("role: own", "rule: own", "methods.quick.rule: unknown key; did you mean 'role'?"),
        ("role: own", "role: mine", "methods.quick.role: found 'mine', expected: 'own', 'baseline'"),
        ("color: blue", "colour: blue", "methods.quick.look.colour: unknown key; did you mean 'color'?"),
        ("color: blue", "color: bleu", "methods.quick.look.color: found 'bleu', expected: 'blue', 'vermillion'"),
        ("marker: o", "marker: O", "methods.quick.look.marker: found 'O', expected: 'o', 's'"),
        ("size: 3", "size: small", "methods.slower.look.size: found 'small', expected: a valid number"),
        ("encodings: [quick]", "encodings: quick", "question.encodings: found 'quick', expected: a valid list"),
        ("[slow, slower]", "[slwo]", "question.baselines: found 'slwo', expected one of quick, slow, slower"),
        ("[slow]", "[fast]", "experiments.second.baselines: found 'fast', expected one of quick, slow, slower"),
        ("very slow", "8", "methods.slow.name: found 8, expected: a valid string"),
        ("  quick:", "  slow: {}\n  quick:", "found the key 'slow' a second time, expected each key once"),
        ("tables:", "tables:\n  one: Everything", "tables.one: found 'Everything', expected: a valid dictionary"),
        ("tables:", "tables:\n  one: 8", "tables.one: found 8, expected: a valid dictionary"),
        ("    title: Everything\n", "", "tables.all.title: not given, expected it"),
        ("    kind: arms\n", "", "tables.all.kind: not given, expected it"),
        ("    kind: arms\n", "    kind: arm\n", "tables.all.kind: found 'arm', did you mean 'arms'?"),
        ("    title: Everything", "    tilte: Everything", "tables.all.tilte: unknown key; did you mean 'title'?"),
        ("    order:", "    ordre:", "tables.all.ordre: unknown key; did you mean 'order'?"),
        ("decimals: 2", "decimal: 2", "tables.all.columns.Loss.decimal: unknown key; did you mean 'decimals'?"),
        ("decimals: 2", "decimals: two", "tables.all.columns.Loss.decimals: found 'two', expected: a valid integer"),
        ("of: loss_mean", "of: loss_men", "tables.all.columns.Loss.of: found 'loss_men', did you mean 'loss_mean'? "),
        ("of: loss_mean", "of: 8", "tables.all.columns.Loss.of: found 8, expected: a valid string"),
        ("{loss: [mean, low]}", "{loss: 8}", "tables.all.raw.loss_{}: found {'loss': 8}, expected: a valid string"),
        ("of: loss}", "of: los}", "tables.few.columns.Loss.of: found 'los', did you mean 'loss'? expected one of "),
        (", caption: Some of it.", "", "figures.some.caption: not given, expected it"),
        ("figures:\n", "figures:\n  more: 8\n", "figures.more: found 8, expected: a valid dictionary"),
        ("kind: ratios of seeds, ", "kind: [front], ", "figures.some.kind: found ['front'], "),
        ("kind: ratios of seeds, ", "", "figures.some.kind: not given, expected one of levels, "),
        ("ratios of", "ratio of", "figures.some.kind: found 'ratio of seeds', did you mean 'ratios of seeds'? "),
        ("x_label: X", "x_lable: X", "figures.some.x_lable: unknown key; did you mean 'x_label'? "),
        ("{color: sky", "{colour: sky", "figures.some.samples.0.colour: unknown key; did you mean 'color'? "),
        ("color: sky}]", "color: bleu}]", "figures.some.samples.0.color: found 'bleu', expected: 'blue', "),
        ("legend: A line", "legende: A line", "figures.some.legende: unknown key; did you mean 'legend'?"),
        ("legend: A line", "legend: 8", "figures.some.legend: found 8, expected: a valid string"),
        ("figures:", "figurs:", "figurs: unknown key; did you mean 'figures'?"),
        ("  some:", "  some: {title: Some}\n  some:", "found the key 'some' a second time"),
        (FILE, "- title", "expected keys and values, found list"),
        (FILE, "title: [", "not YAML"),
    ],
)
def test_a_mistake_is_said_in_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        study(tmp_path, FILE.replace(old, new, 1))
    assert str(error.value).startswith(f"{tmp_path}/own.yaml: ") and said in str(error.value)
    assert "\n" not in str(error.value)
