"""The classes of models load what their name says, as ``load_model`` does."""

from __future__ import annotations

import torch
import wherefrom.inseq as inseq


def test_a_decoder_only_class_answers_as_load_model() -> None:
    by_class = inseq.models.HuggingfaceDecoderOnlyModel.load("demo:lm", "saliency")
    by_function = inseq.load_model("demo:lm", "saliency")
    assert isinstance(by_class, inseq.models.HuggingfaceDecoderOnlyModel)
    one, other = (
        each.attribute("George was", "George was sick", show_progress=False).sequence_attributions[0]
        for each in (by_class, by_function)
    )
    assert one.target_attributions is not None
    torch.testing.assert_close(one.target_attributions, other.target_attributions, rtol=0, atol=0, equal_nan=True)


def test_the_class_follows_the_model_as_in_inseq() -> None:
    loaded = inseq.models.HuggingfaceModel.load("demo:mt", "saliency")
    assert isinstance(loaded, inseq.models.HuggingfaceEncoderDecoderModel)
    assert loaded.is_encoder_decoder
