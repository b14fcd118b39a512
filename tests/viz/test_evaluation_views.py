"""Evaluations in the console, as a page and in the terminal browser; cards and doubtful steps in every view."""

from __future__ import annotations

import asyncio
import io
import re
from collections import Counter

import msgspec
import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from textual.widgets import DataTable, Static
from wherefrom.evaluation import Curve, Evaluation, Measurement
from wherefrom.evaluation.records import Agreement, MetricFacts
from wherefrom.results.attribution import Attribution
from wherefrom.text.tokens import Token
from wherefrom_viz import describe, render_text
from wherefrom_viz.browser.evaluation import EvaluationBrowser
from wherefrom_viz.console.evaluation import evaluation_view
from wherefrom_viz.console.plot import plots
from wherefrom_viz.describe.description import FADED
from wherefrom_viz.describe.evaluation import describe_evaluation
from wherefrom_viz.page.evaluation import render_evaluation_html
from wherefrom_viz.page.static_table import static_table

METHODS = {"good": 3.0, "<b>bad</b>": 0.1, "middling": 1.0, "random": 0.0}


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    rng = np.random.default_rng(0)
    values = {name: base + rng.normal(scale=0.2, size=8) for name, base in METHODS.items()}
    return Evaluation(
        measurements=tuple(
            Measurement(method=name, metric="abpc", removal=way, example=example, span=(1, 2), value=float(value))
            for name, row in values.items()
            for example, value in enumerate(row)
            for way in ("delete", "unk")
        )
        + tuple(
            Measurement(method=name, metric="mrr", removal="", example=example, span=(1, 2), value=0.5)
            for name in METHODS
            for example in range(8)
        ),
        curves=tuple(
            Curve(
                method=name,
                removal=way,
                example=0,
                span=(1, 2),
                cuts=(0, 1, 2),
                most_first=(-1.0, -1.0 - base, -4.0),
                least_first=(-1.0, -1.2, -4.0),
            )
            for name, base in METHODS.items()
            for way in ("delete", "unk")
        ),
        agreements=(
            Agreement(method="good", other="middling", example=0, span=(1, 2), k=3, measures={"spearman": 0.25}),
        ),
        metrics={"abpc": MetricFacts(higher_is_better=True), "mrr": MetricFacts(higher_is_better=True)},
        methods=("good", "<b>bad</b>", "middling"),
        orderings=("random",),
        model="a model",
        removals=("delete", "unk"),
        draws=2,
        warnings=("something <i>odd</i>",),
    )


def printed(evaluation: Evaluation, width: int = 100, **options: bool) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(evaluation_view(evaluation, **options))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_table_per_removal_marks_what_beats_chance(evaluation: Evaluation) -> None:
    shown = describe_evaluation(evaluation)
    assert [table.removal for table in shown.tables] == ["delete", "unk", ""]
    assert [column.title for column in shown.tables[0].columns] == ["abpc ↑"]
    better = {row.name: row.cells[0].better for row in shown.tables[0].rows}
    assert better["good"]
    assert not better["random"]
    assert [row.ordering for row in shown.tables[0].rows] == [False, False, False, True]


def test_the_console_draws_tables_curves_halves_and_agreement(evaluation: Evaluation) -> None:
    text = printed(evaluation)
    words = " ".join(text.split())
    for part in ("without units: delete", "nothing removed", "good", "*", "Rank correlation", "0.25", "something"):
        assert part in words
    assert re.search("[\u2801-\u28ff]", text), "curves are drawn"


METRICS = ("abpc", "comprehensiveness", "aopc_morf", "log_odds", "tau_loo", "infidelity", "sufficiency", "mrr")
LONG_NAMES = ("layer_integrated_gradients[n_steps=50]", "lime[baseline=delete,units=sentence]", "lime", "random")


@pytest.fixture(scope="module")
def wide() -> Evaluation:
    """More metrics than fit a line, of numbers of any size."""
    rng = np.random.default_rng(0)
    return Evaluation(
        measurements=tuple(
            Measurement(method=name, metric=metric, removal="unk", example=example, span=(1, 2), value=float(value))
            for metric in METRICS
            for name in LONG_NAMES
            for example, value in enumerate(rng.normal(size=2) * 10.0 ** rng.integers(-5, 4))
        ),
        agreements=tuple(
            Agreement(method=one, other=other, example=0, span=(1, 2), k=3, measures={"spearman": float(rng.normal())})
            for place, one in enumerate(LONG_NAMES)
            for other in LONG_NAMES[:place]
        ),
        metrics={name: MetricFacts(higher_is_better=True) for name in METRICS},
        methods=LONG_NAMES[:-1],
        orderings=LONG_NAMES[-1:],
        removals=("unk",),
    )


@pytest.mark.parametrize("width", [14, 20, 33, 40, 60, 70, 80, 110, 200])
def test_no_number_of_a_table_is_cut(wide: Evaluation, width: int) -> None:
    shown = describe_evaluation(wide)
    lines = printed(wide, width).split("\n")
    assert max(map(cell_len, lines)) <= width
    words = Counter(word.rstrip("*") for line in lines for word in line.split())
    numbers = Counter(cell.text for row in shown.tables[0].rows for cell in row.cells)
    numbers += Counter(value for row in shown.agreement_rows().values() for value in row if value)
    assert min(len(text) for text in numbers) < max(len(text) for text in numbers)
    for text, count in numbers.items():
        assert words[text] >= count, text


@pytest.mark.parametrize("width, tables", [(200, 1), (80, 3), (20, 8)])
def test_metrics_that_do_not_fit_stand_below(wide: Evaluation, width: int, tables: int) -> None:
    lines = [line for line in printed(wide, width).split("\n") if line.startswith("method")]
    assert len(lines) == tables
    if width > 20:
        assert [head for line in lines for head in line.split() if head in METRICS] == list(METRICS)


def reversed_curves(evaluation: Evaluation) -> Evaluation:
    """The method whose order is the reverse of each."""
    return msgspec.structs.replace(
        evaluation,
        curves=tuple(
            msgspec.structs.replace(one, most_first=one.least_first, least_first=one.most_first)
            for one in evaluation.curves
        ),
    )


def curve_lines(evaluation: Evaluation) -> list[str]:
    lines = printed(evaluation).split("\n")
    start = next(place for place, line in enumerate(lines) if line.startswith("log-probability as units go"))
    return lines[start:]


def test_the_curves_of_a_method_and_of_its_reverse_are_told_apart(evaluation: Evaluation) -> None:
    (good, *_) = [found for found in describe_evaluation(evaluation).curves if found.method == "good"]
    drawn = [
        plots([one.most_first, one.least_first], 10, 3)
        for one in (good, describe_evaluation(reversed_curves(evaluation)).curves[0])
    ]
    assert drawn[0] == drawn[1][::-1] != drawn[1]
    assert curve_lines(evaluation) != curve_lines(reversed_curves(evaluation))


def test_the_number_at_a_curve_is_the_lowest_of_its_own_row() -> None:
    steep, flat = plots([[0.0, -17.04, -7.0], [0.0, -1.0, -6.86]], 12, 3)
    assert (steep.lowest, steep.lowest_row) == ("-17", 2)
    assert (flat.lowest, flat.lowest_row) == ("-6.86", 1), "on the scale of both it does not come down to the last row"
    assert flat.rows[1].strip()
    assert not flat.rows[2].strip()


def test_the_page_holds_everything_and_no_markup_of_others(evaluation: Evaluation) -> None:
    page = render_evaluation_html(evaluation)
    assert page.count("<polyline") == 2 * 2 * len(METHODS)
    assert "&lt;b&gt;bad&lt;/b&gt;" in page
    assert "<b>bad" not in page
    assert "<i>odd" not in page
    assert "<script" not in page
    assert page.count("<table") == 3 + 1 + 1
    assert "class=better" in page


def test_an_agreement_that_is_undefined_is_a_dash(evaluation: Evaluation) -> None:
    undefined = Agreement(method="good", other="flat", example=0, span=(1, 2), k=3, measures={"spearman": None})
    given = msgspec.structs.replace(evaluation, agreements=(*evaluation.agreements, undefined))
    assert re.search(r"1 good +0\.25 +–", printed(given))
    assert re.search(r"3 flat +– +–", printed(given))
    page = render_evaluation_html(given)
    assert '<tr><th scope="row">flat</th><td>–</td><td>–</td><td></td></tr>' in page


def test_points_of_a_curve_are_where_they_belong(evaluation: Evaluation) -> None:
    page = render_evaluation_html(evaluation)
    points = re.search(r'points="([^"]+)"><title>good', page)
    assert points is not None
    ys = [float(pair.split(",")[1]) for pair in points[1].split()]
    assert ys[0] < ys[10], "a loss goes down"
    assert ys[10] == pytest.approx(max(ys)), "at the half, all of it is lost"


def test_a_plot_has_its_ends_at_the_edges() -> None:
    (found,) = plots([[0.0, 1.0]], 10, 3)
    lines = found.rows
    assert len(lines) == 3
    assert lines[0][-1] != " "
    assert lines[-1][0] != " "
    assert lines[0][0] == lines[-1][-1] == " "
    (empty,) = plots([[]], 3, 1)
    assert (empty.rows, empty.lowest) == (("   ",), "")
    assert plots([[1.0, float("nan"), 1.0]], 3, 1)[0].rows[0].strip()


def test_the_terminal_browser_goes_through_removals_and_rows(evaluation: Evaluation) -> None:
    async def looked() -> tuple[str, str, str, str]:
        app = EvaluationBrowser(evaluation)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            table = app.query_one("#table", DataTable)
            assert table.row_count == 4
            first = str(app.query_one("#detail", Static).render())
            await pilot.press("down")
            await pilot.pause()
            second = str(app.query_one("#detail", Static).render())
            curve = str(app.query_one("#curve", Static).render())
            await pilot.press("r")
            await pilot.pause()
            head = str(app.query_one("#head", Static).render())
            return first, second, head, curve

    first, second, head, curve = asyncio.run(looked())
    assert first.startswith("good")
    assert "p = " in first
    assert second.startswith("<b>bad</b>")
    assert "without units: unk" in head
    titles = re.findall(r"(?m)^.*, down to .*$", curve)
    assert [line.split(", down to ")[1] for line in titles] == ["-3", "-3", "-3"]
    assert ["most" in titles[0], "least" in titles[1], "random" in titles[2]] == [True] * 3


def checked(chance: list[float]) -> Attribution:
    tokens = tuple(Token(id=index, piece=word, text=word, position=index) for index, word in enumerate("abcd"))
    scores = np.array([[0.9, 0.9], [0.2, -0.5], [0.0, 0.4], [0.0, 0.0]])
    return Attribution(
        source=(),
        target=tokens,
        attr_pos_start=2,
        attr_pos_end=4,
        target_attributions=scores,
        step_scores={"check_fit": np.array([0.8, 0.1]), "check_chance": np.array(chance)},
        method="saliency",
        details={"check": {"removal": "delete", "samples": 64, "permutations": 199}},
    )


def test_steps_not_told_from_chance_are_pale_and_said_so() -> None:
    description = describe(checked([0.01, 0.6]))
    assert description.doubtful == (False, True)
    assert description.strength(0.9, 1) == pytest.approx(FADED * description.strength(0.9, 0))
    text = render_text(checked([0.01, 0.6]))
    assert "1 of 2 steps told from chance" in text
    assert "pale" in text
    faded, bold = static_table(description), static_table(describe(checked([0.01, 0.01])))
    assert faded != bold
    assert faded.count('class="r8"') < bold.count('class="r8"')


def test_nothing_is_said_where_nothing_was_checked() -> None:
    plain = checked([0.01, 0.6]).replace(step_scores={}, details={})
    assert describe(plain).doubtful == ()
    assert "chance" not in render_text(plain)


def test_merged_steps_are_as_doubtful_as_their_worst() -> None:
    description = describe(checked([0.01, 0.6]), granularity="sentence")
    assert description.doubtful == (True,)


def test_small_numbers_keep_their_digits(evaluation: Evaluation) -> None:
    small = tuple(msgspec.structs.replace(one, value=0.00086) for one in evaluation.measurements)
    curves = tuple(
        msgspec.structs.replace(one, most_first=(-1.0, -1.01, -1.04), least_first=(-1.0, -1.0, -1.04))
        for one in evaluation.curves
    )
    of_small = msgspec.structs.replace(evaluation, measurements=small, curves=curves)
    (cell, *_) = describe_evaluation(of_small).tables[0].rows[0].cells
    assert cell.text == "8.6e-4"
    page = render_evaluation_html(of_small)
    assert {"0", "-0.04"} <= set(re.findall(r'text-anchor="end">([^<]*)<', page))
