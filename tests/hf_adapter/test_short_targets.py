"""A target without the steps that are asked for is a result without steps, and does not stop its batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wherefrom
from wherefrom.errors import InputError, WherefromWarning

PROMPTS = ["The nurse", "George went home because"]
TEXTS = ["The nurse was sick.", "George went home because he was tired. The weather was nice. It rained all night."]


@pytest.fixture(scope="module")
def lm() -> wherefrom.AttributionModel:
    return wherefrom.load_model("demo:lm", "input_x_gradient", device="cpu")


@pytest.mark.parametrize(
    "options",
    [
        {"attr_pos_start": -9},
        {"attr_pos_end": -9},
        {"method": "occlusion"},
        {"method": "attention"},
        {"method": "dummy"},
        {"step_scores": ["probability", "entropy"]},
        {"attributed_span": "word"},
        {"batch_size": 1},
        {"contrast_targets": ["The nurse was lost.", TEXTS[1].replace("tired", "sick")], "step_scores": ["pcxmi"]},
    ],
    ids=str,
)
def test_the_others_of_a_batch_are_what_they_are_alone(lm: wherefrom.AttributionModel, options: dict[str, Any]) -> None:
    if "attr_pos_end" not in options:
        options = {"attr_pos_start": 9, **options}
    with pytest.warns(WherefromWarning, match="target of example 1 has .* tokens, and none from"):
        out = lm.attribute(PROMPTS, TEXTS, ids=["short", "long"], **options)
    alone_options = dict(options)
    if "contrast_targets" in options:
        alone_options["contrast_targets"] = options["contrast_targets"][1:]
    (alone,) = lm.attribute(PROMPTS[1], TEXTS[1], ids=["long"], **alone_options)
    short, long = out
    assert [one.id for one in out] == ["short", "long"]
    assert short.steps == ()
    assert short.step_scores.keys() == long.step_scores.keys()
    assert long.target == alone.target
    assert short.dimensions == long.dimensions
    for side in ("source_attributions", "target_attributions"):
        empty, full = getattr(short, side), getattr(long, side)
        if empty is not None and full is not None:
            assert empty.shape[2:] == full.shape[2:]
    if alone.target_attributions is not None:
        np.testing.assert_allclose(long.target_attributions, alone.target_attributions, rtol=1e-4, atol=1e-6)
    assert any("example 1" in note for note in out.provenance.warnings)


def test_encoder_decoders_likewise() -> None:
    mt = wherefrom.load_model("demo:mt", "saliency", device="cpu")
    with pytest.warns(WherefromWarning, match="example 1"):
        short, long = mt.attribute(
            ["It is small.", "The car is green, and it is small."],
            ["Elle est petite.", "La voiture est verte et elle est petite."],
            attr_pos_start=6,
        )
    assert (len(short.steps), short.source_attributions.shape[1], short.target_attributions.shape[1]) == (0, 0, 0)
    assert len(long.steps) > 0


def test_a_result_without_steps_can_be_used_like_any_other(lm: wherefrom.AttributionModel, tmp_path: Path) -> None:
    with pytest.warns(WherefromWarning, match="example 1"):
        out = lm.attribute(PROMPTS, TEXTS, attr_pos_start=9, step_scores=["probability"])
    out.save(tmp_path / "out.json")
    again = wherefrom.load(tmp_path / "out.json")
    assert again == out
    assert len(again[0].aggregate().steps) == 0
    for stage in ("subwords", "sentences", "normalize"):
        assert len(again[0].aggregate(stage).steps) == 0
    out.save_html(tmp_path / "out.html")
    out.show()
    assert "rained" in again[1].to_text()
    again[0].to_text()
    out.save_table(tmp_path / "out.csv")


@pytest.mark.parametrize(
    "wrong",
    [{"attr_pos_start": 0}, {"attr_pos_start": 4, "attr_pos_end": 4}, {"attr_pos_start": -1, "attr_pos_end": -2}],
)
def test_positions_that_no_target_has_are_refused(lm: wherefrom.AttributionModel, wrong: dict[str, int]) -> None:
    with pytest.raises(InputError):
        lm.attribute(PROMPTS, TEXTS, **wrong)
