"""Names beside points: clear of points, names and lines, with leaders that do not cross."""

import itertools

import pytest
from matplotlib.figure import Figure

from tokentrial.report.figures import placing, style


def placed(points: list[tuple[float, float, str]], around: list[tuple[float, float]]) -> list[placing.Frame]:
    """The leaders of names in a panel of 10 by 10, in points of the page."""
    figure = Figure(figsize=(4, 4))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 10), ylim=(0, 10))
    placing.label_points(axes, points, around)
    leaders = []
    for text in axes.texts:
        x, y = axes.transData.transform(text.xy) * 72 / figure.dpi
        dx, dy = text.get_position()
        leaders.append((x, y, x + dx, y + dy))
    return leaders


@pytest.mark.parametrize(
    ("one", "other", "crossing"),
    [
        ((0, 0, 2, 2), (0, 2, 2, 0), True),
        ((0, 0, 1, 1), (2, 0, 3, 1), False),
        ((0, 0, 2, 2), (0, 0, 2, 0), False),  # of one point
        ((0, 0, 1, 0), (2, -1, 2, 1), False),
    ],
)
def test_segments_cross_within_both(one: placing.Frame, other: placing.Frame, crossing: bool) -> None:
    assert placing._crosses(one, other) is placing._crosses(other, one) is crossing


def test_a_crowd_of_names_has_leaders_that_do_not_cross() -> None:
    crowd = [(5.0, 5.0 + 0.12 * k, f"method {k}") for k in range(5)]
    leaders = placed(crowd, [])
    assert len(leaders) == 5
    assert not any(placing._crosses(one, other) for one, other in itertools.combinations(leaders, 2))


def test_a_name_keeps_clear_of_a_line() -> None:
    line = [(4.0 + 0.05 * k, 5.0) for k in range(100)]  # to the right of the point, at its height
    [(_, _, end, height)] = placed([(5.0, 5.0, "a method")], line)
    [(_, _, free, level)] = placed([(5.0, 5.0, "a method")], [])
    assert level == pytest.approx(4 * 72 / 2) and free > 4 * 72 / 2  # at its right if nothing is there
    assert abs(height - level) > style.SMALL / 2 or end < free
