"""Prompts given as token ids: read as they are, explained as the text that they are."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import wherefrom
from wherefrom import AttributionModel
from wherefrom.errors import InputError

PROMPT = "Mary stayed at home"
LENGTH = {"max_new_tokens": 3}


@cache
def model_of(name: str) -> AttributionModel:
    torch.set_num_threads(1)
    return wherefrom.load_model(name, device="cpu")


@pytest.mark.parametrize("name, text", [("demo:lm", PROMPT), ("demo:mt", "Hello ladies and badgers!")])
@pytest.mark.parametrize("form", [list, np.array, torch.tensor], ids=["list", "numpy", "torch"])
def test_ids_of_a_text_give_what_the_text_gives(name: str, text: str, form: Any) -> None:
    model = model_of(name)
    ids = model.encode(text).ids.tolist()
    by_text = model.attribute(text, method="saliency", generation_args=LENGTH, show_progress=False)
    by_ids = model.attribute(form(ids), method="saliency", generation_args=LENGTH, show_progress=False)
    assert [token.text for token in by_ids[0].target] == [token.text for token in by_text[0].target]
    assert by_ids.info["input_texts"] == by_text.info["input_texts"]
    np.testing.assert_array_equal(by_ids[0].source_attributions, by_text[0].source_attributions)
    assert model.generate(ids, **LENGTH) == model.generate(text, **LENGTH)


def test_texts_and_ids_stand_in_one_list() -> None:
    model = model_of("demo:lm")
    ids = model.encode("Mary was").ids
    out = model.attribute([PROMPT, ids], method="saliency", generation_args=LENGTH, show_progress=False)
    assert [len(one.source) for one in out] == [len(model.encode(PROMPT).ids), len(ids)]


def test_ids_are_read_as_they_are() -> None:
    """An unusual segmentation is kept: nothing is decoded and encoded again."""
    model = model_of("demo:lm")
    unk = model.adapter.card.unk_id
    ids = [*model.encode("Mary").ids.tolist(), unk, unk]
    out = model.attribute(ids, method="saliency", generation_args=LENGTH, show_progress=False)[0]
    assert [token.id for token in out.source] == ids


def test_forced_ids_continue_ids() -> None:
    model = model_of("demo:lm")
    whole = model.encode(f"{PROMPT} because she was sick").ids.tolist()
    prompt = model.encode(PROMPT).ids.tolist()
    out = model.attribute(prompt, [whole], method="saliency", show_progress=False)[0]
    assert out.attr_pos_start == len(prompt)
    with pytest.raises(InputError, match="must begin with the prompt's ids"):
        model.attribute(prompt, [whole[1:]], method="saliency", show_progress=False)


@pytest.mark.parametrize("wrong", [[], [[]], [1.5], [True], np.zeros((1, 0), int), np.array([0.5]), [[3, -1]]])
def test_what_is_no_list_of_ids_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError):
        model_of("demo:lm").attribute(wrong, method="saliency", show_progress=False)


def test_a_decoder_begins_with_what_generation_begins_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where that is changed after loading: generated, forced and compared answers alike."""
    model, text, start = model_of("demo:mt"), "Mary sees the green car.", 7
    given = {"method": "saliency", "show_progress": False}
    assert model.adapter.card.decoder_start_id != start
    monkeypatch.setattr(model.module.generation_config, "decoder_start_token_id", start)
    assert model.adapter.card.decoder_start_id == start
    (made,) = model.attribute(text, generation_args=LENGTH, **given)
    generated = model.module.generate(torch.from_numpy(model.encode(text).ids)[None], **LENGTH)[0].tolist()
    assert [token.id for token in made.target] == generated
    (by_text,) = model.attribute(text, "Marie voit", **given)
    assert by_text.target[0].id == generated[0] == start
    assert by_text.target[0].special
    (by_ids,) = model.attribute(text, [generated], **given)
    assert [token.id for token in by_ids.target] == generated
    np.testing.assert_allclose(by_ids.source_attributions, made.source_attributions, atol=1e-6)


def test_ids_of_an_answer_begin_with_the_decoders_start() -> None:
    model, text = model_of("demo:mt"), "Mary sees the green car."
    whole = model.encode("Marie voit", as_target=True).ids.tolist()
    given = {"method": "saliency", "show_progress": False}
    model.attribute(text, [whole], **given)
    with pytest.raises(
        InputError, match=r"ids of a target are .* begin with the start token of demo:mt, 0; these begin"
    ):
        model.attribute(text, [whole[1:]], **given)
    with pytest.raises(InputError, match="ids of a contrastive target are"):
        model.attribute(text, [whole], attributed_fn="contrast_prob_diff", contrast_targets=whole[1:], **given)
