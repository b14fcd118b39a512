"""A number in the terminal browser, times the power of ten that stands beside it, is the score."""

from __future__ import annotations

import numpy as np
import pytest
from wherefrom.results.attribution import Attributions
from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.screens.compare import CompareScreen
from wherefrom_viz.browser.widgets.agreement_view import AgreementView
from wherefrom_viz.browser.widgets.matrix_view import MatrixView
from wherefrom_viz.browser.widgets.steps_view import StepsView

from tests.laws.test_factors import SICK, factor_in, number_after, of_size
from tests.viz.browser.conftest import browser_of, settled
from tests.viz.conftest import PROVENANCE


@pytest.mark.parametrize("drawing", [Drawing(intensity=0.64), Drawing(scale="step"), Drawing()])
async def test_the_terminal_browser_prints_numbers_of_the_power_beside_them(drawing: Drawing) -> None:
    size = 0.12
    one = of_size(size)
    scores = np.asarray(one.target_attributions)
    other = one.replace(target_attributions=scores * np.random.default_rng(0).normal(1, 0.05, scores.shape))
    both = Attributions(sequence_attributions=(one, other), provenance=PROVENANCE)
    app = browser_of(both)
    async with app.run_test(size=(150, 40)) as pilot:
        await settled(pilot)
        app.session.drawing = drawing
        await pilot.press("enter", "2")
        await settled(pilot)
        cells = text_of(app.screen.query_one(MatrixView))
        line = next(line for line in cells.split("\n") if "sick" in line)
        assert number_after("sick", line, 2) * factor_in(cells) == pytest.approx(SICK * size, rel=0.02)
        await pilot.press("3")
        await settled(pilot)
        lines = text_of(app.screen.query_one(StepsView))
        line = next(line for line in lines.split("\n") if " hospital " in line)
        assert number_after("sick", line) * factor_in(lines) == pytest.approx(SICK * size, rel=0.02)
        await pilot.press("escape", "j", "space", "k", "x", "2")
        await settled(pilot)
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        assert screen.comparison is not None
        for pane in ("a", "b", "difference"):
            description = getattr(screen.comparison, pane)
            cells = text_of(screen.query_one(f"#matrix-{pane}", MatrixView))
            line = next(line for line in cells.split("\n") if "sick" in line)
            wanted = float(description.scores[2, 2])
            assert number_after("sick", line, 2) * factor_in(cells) == pytest.approx(wanted, rel=0.02), pane
        await pilot.press("3")
        await settled(pilot)
        table = text_of(screen.query_one(AgreementView))
        difference = screen.comparison.difference
        ((row, score),) = difference.top([0], 1)
        shown = number_after(f" {difference.inputs[row].label} ", table.split("\n")[1])
        assert shown * factor_in(table) == pytest.approx(score, rel=0.02)


def text_of(view: MatrixView | StepsView | AgreementView) -> str:
    """What a view of the terminal browser shows, as text."""
    height = view.scrollable_content_region.height
    return "\n".join("".join(segment.text for segment in view.render_line(y)) for y in range(height))
