from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import numpy as np
import pytest
from wherefrom.results.attribution import Attribution
from wherefrom.results.stages import Stage
from wherefrom_viz.browser.cache import ExampleCache, bytes_of
from wherefrom_viz.browser.drawing import (
    AGGREGATIONS,
    NORMALIZATIONS,
    Drawing,
    described_as,
    more_intense,
    next_aggregation,
    next_granularity,
    next_normalization,
)
from wherefrom_viz.browser.focus import Focus, output_strengths, strengths
from wherefrom_viz.browser.reading_layout import lay_out
from wherefrom_viz.describe.text_marks import elide, isolate
from wherefrom_viz.describe.units import LEVELS

from tests.viz.conftest import PROVENANCE, hostile_example


@pytest.fixture
def wide(make: Callable[..., Attribution]) -> Attribution:
    """Scores with a width of 3 that the method wants as a normalised norm."""
    flat = make(["a", " b", " c", " d"], 2)
    assert flat.target_attributions is not None
    raw = np.stack([flat.target_attributions * k for k in (3.0, -4.0, 0.5)], axis=-1)
    return flat.replace(
        target_attributions=raw,
        dimensions=("width",),
        default_aggregation=(Stage(name="reduce", settings={"aggregate_fn": "vnorm"}), Stage(name="normalize")),
    )


def test_pipeline_is_named(wide: Attribution) -> None:
    assert described_as(wide, PROVENANCE, Drawing()).pipeline == ("L2 norm over width", "share of each step's total")
    drawn = described_as(wide, PROVENANCE, Drawing(aggregation="sum", normalization="sequence", granularity="word"))
    assert drawn.pipeline == ("sum over width", "sum over words", "share of the largest score")
    assert described_as(wide, PROVENANCE, Drawing(normalization="none")).pipeline == ("L2 norm over width",)


@pytest.mark.parametrize("aggregation", ["sum", "mean", "max", "absmax", "l2"])
def test_aggregation_starts_from_stored_scores(wide: Attribution, aggregation: str) -> None:
    raw = wide.target_attributions
    assert raw is not None
    expected = {
        "sum": raw.sum(-1),
        "mean": raw.mean(-1),
        "max": raw.max(-1),
        "absmax": np.take_along_axis(raw, np.abs(raw).argmax(-1)[..., None], -1)[..., 0],
        "l2": np.sqrt((raw**2).sum(-1)),
    }[aggregation]
    drawn = described_as(wide, PROVENANCE, Drawing(aggregation=aggregation, normalization="none"))  # type: ignore[arg-type]
    assert np.allclose(drawn.scores, np.where(drawn.visible, expected, 0), atol=1e-6)


def test_aggregated_files_stay_as_they_are(wide: Attribution) -> None:
    stored = wide.aggregate()
    for aggregation in AGGREGATIONS:
        drawn = described_as(stored, PROVENANCE, Drawing(aggregation=aggregation, normalization="none"))
        assert np.allclose(drawn.scores, described_as(wide, PROVENANCE, Drawing()).scores)


def test_cycles_come_around() -> None:
    drawing = Drawing()
    for step, count in ((next_granularity, len(LEVELS)), (next_aggregation, 6), (next_normalization, 4)):
        seen = [drawing]
        for _ in range(count):
            seen.append(step(seen[-1]))
        assert seen[-1] == drawing
        assert len(set(seen[:-1])) == count
    assert more_intense(drawing, 1.25).intensity == 1.25
    assert more_intense(Drawing(intensity=16), 2).intensity == 16
    assert set(NORMALIZATIONS) == {"default", "none", "step", "sequence"}


def test_strengths_follow_cursor_pins_and_intensity(hospital: Attribution) -> None:
    description = described_as(hospital, PROVENANCE, Drawing())
    one = strengths(description, Focus(column=2), Drawing())
    assert one[2] == pytest.approx(1.0)  # "sick", the largest score
    assert np.isnan(one[13])  # "hospital" does not see itself
    both = strengths(description, Focus(column=0, pinned=frozenset({1, 2})), Drawing())
    assert np.nanmax(np.abs(both)) == 1.0
    assert strengths(description, Focus(column=2), Drawing(intensity=4))[12] == pytest.approx(min(1, 4 * 0.21 / 0.62))
    per_step = strengths(description, Focus(column=1), Drawing(scale="step"))
    assert np.nanmax(np.abs(per_step)) == 1.0
    drove = output_strengths(description, 2, Drawing())
    assert int(np.nanargmax(np.abs(drove))) == 2


@pytest.mark.parametrize("width", [4, 10, 38, 80])
@pytest.mark.parametrize("name", ["hospital", "translation", "hostile", "chat"])
def test_every_unit_is_laid_out_once_and_inside(width: int, name: str, request: pytest.FixtureRequest) -> None:
    description = described_as(request.getfixturevalue(name), PROVENANCE, Drawing())
    lines = lay_out(description, width)
    whole = [  # a unit takes several pieces where a line ends inside of it
        (of, "".join(piece.text for piece in pieces))
        for of, pieces in groupby(
            (piece for line in lines for piece in line.pieces), key=lambda piece: (piece.row, piece.column)
        )
    ]
    assert [column for (_, column), _ in whole if column is not None] == list(range(len(description.steps)))
    rows = [row for (row, _), _ in whole if row is not None]
    assert len(rows) == len(set(rows))
    assert set(description.seen_rows()) <= set(rows)
    for (row, column), text in whole:
        unit = description.steps[column] if row is None else description.inputs[row]
        assert text == isolate(elide(unit.text, width))
    for line in lines:
        end = 0
        for piece in line.pieces:
            assert piece.x >= end
            end = piece.x + piece.width
        assert end <= width


def test_outputs_are_inputs_of_later_steps(hospital: Attribution, translation: Attribution) -> None:
    assert described_as(hospital, PROVENANCE, Drawing()).output_rows[0] == 11
    assert described_as(translation, PROVENANCE, Drawing()).output_rows[0] == 10


def test_cache_forgets_the_least_used(hospital: Attribution) -> None:
    read: list[int] = []

    def load(key: int) -> Attribution:
        read.append(key)
        return hospital

    cache = ExampleCache(load, max_bytes=2 * bytes_of(hospital))
    for key in (1, 2, 1, 3, 1, 2):
        cache.get(key)
    assert read == [1, 2, 3, 2]
    assert len(cache) == 2
    assert cache.peek(3) is None
    cache.clear()
    assert cache.peek(1) is None


def test_hostile_layout_shows_no_control_character() -> None:
    description = described_as(hostile_example(), PROVENANCE, Drawing())
    text = "".join(piece.text for line in lay_out(description, 40) for piece in line.pieces)
    assert not any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in text)
    assert "\u202e" not in text
