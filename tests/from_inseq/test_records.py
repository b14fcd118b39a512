"""Records that scripts make, change and keep."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import re
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
import wherefrom
import wherefrom.inseq as inseq
from wherefrom.errors import FileFormatError, InputError, SettingsError, UnknownNameError, WherefromWarning
from wherefrom.inseq.data import BatchEncoding, EncoderDecoderBatch, FeatureAttributionSequenceOutput
from wherefrom.inseq.data.aggregator import PairAggregator, SubwordAggregator
from wherefrom.inseq.models.model_config import MODEL_CONFIGS, get_model_config
from wherefrom.inseq.utils import (
    filter_logits,
    json_advanced_dumps,
    json_advanced_loads,
    pretty_tensor,
    validate_indices,
)
from wherefrom.inseq.utils.typing import TokenWithId


@pytest.fixture(scope="module")
def two(marian: Any) -> inseq.FeatureAttributionOutput:
    """Two translations with scores of both sides."""
    return marian.attribute(
        ["the name of", "it"], ["it is", "good"], attribute_target=True, step_scores=["probability"]
    )


@pytest.mark.parametrize("options", [{}, {"compress": True}])
def test_files_give_back_what_was_saved(two: Any, tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "out.json"
    two.save(path, **options)
    assert inseq.FeatureAttributionOutput.load(path, decompress=bool(options)) == two
    with pytest.raises(InputError, match="overwrite=True"):
        two.save(path)


@pytest.mark.filterwarnings("ignore:.*too small for float8")
@pytest.mark.parametrize("precision, atol", [("float16", 1e-4), ("float8", 1e-2)])
def test_shorter_numbers_are_near(two: Any, tmp_path: Path, precision: str, atol: float) -> None:
    two.save(tmp_path / "out.json", scores_precision=precision)
    loaded = inseq.FeatureAttributionOutput.load(tmp_path / "out.json")
    torch.testing.assert_close(loaded[0].source_attributions, two[0].source_attributions, atol=atol, rtol=0.2)
    with pytest.raises(SettingsError):
        two.save(tmp_path / "other.json", scores_precision="float4")


def test_scores_that_float8_does_not_hold_are_told(two: Any, tmp_path: Path) -> None:
    small = copy.deepcopy(two)
    for one in small:
        one.source_attributions = one.source_attributions * 1e-6
    with pytest.warns(WherefromWarning, match=r"scores are too small for float8.*float16"):
        small.save(tmp_path / "out.json", scores_precision="float8")


def test_files_have_no_other_options(two: Any, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'compress'"):
        two.save(tmp_path / "out.json", compres=True)
    assert not (tmp_path / "out.json").exists()
    two.save(tmp_path / "out.json", ndarray_compact=False, use_primitives=True)
    with pytest.raises(SettingsError, match="'decompress'"):
        inseq.FeatureAttributionOutput.load(tmp_path / "out.json", decompres=True)


def test_each_sequence_in_a_file_of_its_own(two: Any, tmp_path: Path) -> None:
    two.save(tmp_path / "out.json", split_sequences=True)
    loaded = inseq.FeatureAttributionOutput.load(tmp_path / "out_1.json")
    assert loaded[0] == two[1]
    assert loaded.info["input_texts"] == ["it"]


def test_the_library_reads_these_files_and_they_its_own(two: Any, tmp_path: Path) -> None:
    two.save(tmp_path / "out.json")
    ours = wherefrom.load(tmp_path / "out.json")
    np.testing.assert_allclose(ours[0].source_attributions, two[0].source_attributions.numpy(), atol=1e-6)
    ours.save(tmp_path / "own.json")
    back = inseq.FeatureAttributionOutput.load(tmp_path / "own.json")
    torch.testing.assert_close(back[0].target_attributions, two[0].target_attributions, equal_nan=True)


def test_a_file_of_other_classes_is_refused() -> None:
    with pytest.raises(FileFormatError, match="Popen"):
        json_advanced_loads(json.dumps({"__instance_type__": ["subprocess", "Popen"], "attributes": {"args": ["ls"]}}))
    assert json_advanced_loads(json_advanced_dumps({"a": [1, None]})) == {"a": [1, None]}


def test_batches_come_from_files() -> None:
    packed = {"__ndarray__": [[1, 2]], "dtype": "int64", "shape": [1, 2], "Corder": True}
    encoding = {"__instance_type__": ["inseq.data.batch", "BatchEncoding"], "attributes": {
        "input_ids": packed, "attention_mask": packed, "input_tokens": [["a", "b"]], "baseline_ids": None,
    }}  # fmt: skip
    batch = json_advanced_loads(json.dumps({"batches": [encoding]}))["batches"][0].torch()
    assert isinstance(batch, BatchEncoding)
    assert batch.input_ids.tolist() == [[1, 2]]
    assert batch[:1].input_ids.tolist() == [[1]]


def test_decoding_changes_tokens_in_place() -> None:
    tokenizer = MagicMock()
    tokenizer.decode.side_effect = lambda ids: {5: "你好", 6: "!"}[ids[0]]
    one = FeatureAttributionSequenceOutput(
        source=[TokenWithId("ä½", 5)],
        target=[TokenWithId("<s>", -1), TokenWithId("ï¼", 6)],
        source_attributions=torch.tensor([[0.5]]),
        attr_pos_start=1,
        attr_pos_end=2,
    )
    assert one.decode_tokens(tokenizer) is one
    assert [token.token for token in (*one.source, *one.target)] == ["你好", "<s>", "!"]
    assert one.source[0] == "你好"
    assert one.source[0] == 5


def test_words_begin_at_marks() -> None:
    tokens = [TokenWithId(text, 1) for text in ("▁In", "se", "q", "▁is", "▁it", ".", "</s>")]
    assert SubwordAggregator.get_spans(tokens, "▁", False) == [(0, 3), (4, 6)]
    suffixes = [TokenWithId(text, 1) for text in ("in", "##se", "is", "</s>")]
    assert SubwordAggregator.get_spans(suffixes, "##", True) == [(0, 2)]
    assert SubwordAggregator.get_spans(tokens, "Ġ", False) == []


def test_pairs_are_the_other_minus_this(two: Any) -> None:
    first = two[0].aggregate()
    other = first.changed(source_attributions=first.source_attributions * 3)
    paired = first.aggregate(PairAggregator, paired_attr=other)
    torch.testing.assert_close(paired.source_attributions, 2 * first.source_attributions)
    torch.testing.assert_close((first - other).source_attributions, 2 * first.source_attributions)
    with pytest.raises(InputError, match="one shape"):
        first.aggregate("pair", paired_attr=two[1].aggregate())


def test_what_is_left_to_aggregate_is_an_error(two: Any, marian: Any) -> None:
    heads = marian.attribute("the name of", "it is", method="attention", attribute_target=True)[0]
    with pytest.raises(RuntimeError, match="do_post_aggregation_checks"):
        heads.aggregate("mean")
    assert heads.aggregate("mean", do_post_aggregation_checks=False).source_attributions.ndim == 3
    with pytest.raises(UnknownNameError, match="vnorm"):
        two.aggregate("vnrm")
    doubled = two[0].aggregate([lambda scores, dim: 2 * scores.sum(dim)], normalize=False)
    torch.testing.assert_close(doubled.source_attributions, 2 * two[0].source_attributions.sum(-1))


@pytest.mark.parametrize(
    "aggregator, settings", [("spans", {"source_spans": (0, 2)}), ("subwords", {"special_chars": ("▁", "Ġ")})]
)
def test_fewer_tokens_may_keep_inner_dimensions(two: Any, aggregator: str, settings: dict[str, Any]) -> None:
    merged = two.aggregate(aggregator, **settings)
    assert merged[0].source_attributions.shape[1:] == two[0].source_attributions.shape[1:]
    assert merged.aggregate()[0].source_attributions.ndim == 2
    both = two[0].aggregate("spans", source_spans=(0, 2))
    assert both.source[0].token == two[0].source[0].token + two[0].source[1].token


def test_slices_keep_all_steps(gpt2: Any, two: Any) -> None:
    one = gpt2.attribute("the name of", "the name of it is")[0]
    part = one[1:3]
    assert [str(token) for token in part.target] == [str(t) for t in (*one.target[1:3], *one.target[5:])]
    assert part.attr_pos_end - part.attr_pos_start == 2
    assert two[0][:2].source_attributions.shape[0] == 2


def test_outputs_made_otherwise_do_not_merge(gpt2: Any) -> None:
    one = gpt2.attribute("the name", "the name of")
    with pytest.raises(AssertionError, match="attribution_method"):
        one + gpt2.attribute("the name", "the name of", method="occlusion")


def test_short_targets_give_empty_results(marian: Any) -> None:
    out = marian.attribute(
        ["the name of", "a"], ["it is good", "it"], attr_pos_start=4, attr_pos_end=6, attribute_target=True
    )
    first, second = out
    assert (first.attr_pos_start, first.attr_pos_end) == (4, 6)
    assert first.target_attributions.shape[:2] == (6, 2)
    assert second.attr_pos_start == second.attr_pos_end == len(second.target)
    assert second.source_attributions.shape[1] == 0
    assert second.aggregate(second._aggregator).source_attributions.shape[1] == 0
    assert (out.info["attr_pos_start"], out.info["attr_pos_end"]) == (4, 6)


def test_an_empty_prompt_begins_with_the_beginning(gpt2: Any) -> None:
    out = gpt2.attribute("", "hello")
    assert out[0].target[0] == gpt2.bos_token
    assert out[0].attr_pos_start == 1


def test_the_default_target_can_be_set(gpt2: Any) -> None:
    before = gpt2.attribute("the name", "the name of")[0].target_attributions
    gpt2.set_attributed_fn = "logit"
    try:
        after = gpt2.attribute("the name", "the name of")
        assert after.info["attributed_fn"] == "logit_fn"
        assert not torch.allclose(before, after[0].target_attributions, equal_nan=True)
    finally:
        gpt2.set_attributed_fn = "probability"


def test_a_word_nobody_takes_is_told(gpt2: Any, caplog: pytest.LogCaptureFixture) -> None:
    out = gpt2.attribute("the name", "the name of", n_steps=3, whatever=1)
    assert "whatever" in caplog.text
    assert out.info["attribution_args"] == {}


def test_the_model_has_inseqs_words(gpt2: Any, marian: Any) -> None:
    batch = gpt2.encode(["the name", "it"], return_baseline=True)
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1], [0, 0, 0, 1]]
    assert gpt2.decode(batch.input_ids) == ["the name", "it"]
    assert gpt2.embed("the name").shape == (1, 4, 32)
    assert gpt2.convert_tokens_to_ids(gpt2.convert_string_to_tokens("it is")) == [379, 292]
    texts, output = gpt2.generate(["the name"], max_new_tokens=2, return_generation_output=True)[0]
    assert texts[0].startswith("the name")
    assert output.sequences.shape[1] == 6
    target = marian.formatter.prepare_inputs_for_attribution(marian, ("the name", "it is"))
    assert isinstance(target, EncoderDecoderBatch)
    logits = marian.output2logits(marian.get_forward_output(target[:2]))
    args = marian.formatter.format_step_function_args(
        attribution_model=marian,
        forward_output=marian.get_forward_output(target[:2]),
        target_ids=target.get_step_target(2),
        batch=target[:2],
    )
    from_function = inseq.attr.step_functions.get_step_scores("probability", args)
    torch.testing.assert_close(from_function, logits.softmax(-1)[0, target.target_ids[0, 2]].reshape(1))


def test_configurations_are_kept_and_not_needed(gpt2: Any) -> None:
    there = MODEL_CONFIGS["GPT2LMHeadModel"]
    del MODEL_CONFIGS["GPT2LMHeadModel"]
    with pytest.warns(UserWarning, match="works without"):
        gpt2.get_attribution_method("value_zeroing")
    MODEL_CONFIGS["GPT2LMHeadModel"] = there
    assert gpt2.get_attribution_method("value_zeroing").method_name == "value_zeroing"


def test_configurations_are_names_that_transformers_has() -> None:
    import transformers

    for name, config in MODEL_CONFIGS.items():
        code = inspect.getsource(importlib.import_module(getattr(transformers, name).__module__))
        assert f"self.{config.self_attention_module} =" in code, name
        assert re.search(rf"\b{config.value_vector}\b", code), name
        assert config.cross_attention_module is None or f"self.{config.cross_attention_module} =" in code, name


@pytest.mark.parametrize("is_encoder_decoder, cross", [(False, None), (True, "cross_attention")])
def test_an_unknown_class_has_the_default_configuration(is_encoder_decoder: bool, cross: str | None) -> None:
    with pytest.warns(UserWarning, match="not found. Using default"):
        found = get_model_config("NoSuchModel", is_encoder_decoder=is_encoder_decoder)
    assert found.cross_attention_module == cross
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get_model_config("MarianMTModel").cross_attention_module == "encoder_attn"


def test_logits_are_filtered() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 5.0, 4.0, 3.0, 2.0]])
    kept = torch.isfinite(filter_logits(logits, top_k=2))
    assert kept.tolist() == [[False, False, False, True, True], [True, True, False, False, False]]
    assert torch.isfinite(filter_logits(logits, top_p=0.9)).sum(-1).tolist() == [3, 3]
    ours, theirs = filter_logits(logits, contrast_logits=logits.flip(-1) * 2, top_k=1)
    assert torch.isfinite(ours).tolist() == torch.isfinite(theirs).tolist()


def test_small_things() -> None:
    assert pretty_tensor(None) == "None"
    assert pretty_tensor(torch.ones(2, 21, 1)).startswith("torch.float32 tensor of shape [2, 21, 1]")
    assert validate_indices(torch.ones(2, 4), indices=(1, 3)).tolist() == [1, 2]
    with pytest.raises(InputError):
        validate_indices(torch.ones(2, 4), indices=[1, 1])
