"""Scripts that follow inseq's pages, call by call: nothing but the import and the model folders is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import wherefrom.inseq as inseq
from wherefrom.inseq.attr.step_functions import StepFunctionArgs, _get_contrast_inputs, probability_fn
from wherefrom.inseq.data.aggregator import (
    AggregatorPipeline,
    ContiguousSpanAggregator,
    PairAggregator,
    SequenceAttributionAggregator,
    SubwordAggregator,
)

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"


def test_readme_translation(capsys: pytest.CaptureFixture[str]) -> None:
    model = inseq.load_model(str(MODELS / "marian-tiny"), "integrated_gradients")
    out = model.attribute("the name of", n_steps=10, generation_args={"max_new_tokens": 4})
    out.show()
    assert out.info["attribution_args"] == {"n_steps": 10}
    shown = capsys.readouterr().out
    assert "integrated_gradients" in shown
    assert all(token.token.strip("Ġ") in shown for token in out[0].source)


def test_readme_language_model(capsys: pytest.CaptureFixture[str]) -> None:
    model = inseq.load_model(str(MODELS / "gpt2-tiny"), "integrated_gradients")
    model.attribute("the name of", generation_args={"max_new_tokens": 3}, n_steps=10, internal_batch_size=5).show()
    assert capsys.readouterr().out


def test_readme_contrast() -> None:
    attribution_model = inseq.load_model(str(MODELS / "gpt2-tiny"), "input_x_gradient")
    out = attribution_model.attribute(
        "the name of",
        "the name of it is",
        attributed_fn="contrast_prob_diff",
        contrast_targets="the name of us is",
        step_scores=["contrast_prob_diff"],
    )
    out.show(display=False)
    labels = [token.token for token in out[0].target[out[0].attr_pos_start :]]
    assert any(" → " in label for label in labels)
    assert labels[-1] == "Ġis"
    steps = out.get_scores_dicts()[0]["step_scores"]
    assert all(isinstance(key, tuple) and "contrast_prob_diff" in value for key, value in steps.items())
    compared = next(label for label in labels if " → " in label)
    assert (out[0].attr_pos_start, compared) in steps


def test_quickstart(marian: Any) -> None:
    out = marian.attribute(input_texts="the name of", generation_args={"max_new_tokens": 4})
    assert isinstance(out, inseq.FeatureAttributionOutput)
    one = out.sequence_attributions[0]
    assert one.source_attributions.shape == (len(one.source), one.attr_pos_end - one.attr_pos_start, 32)
    assert one.target_attributions is None
    assert "GranularFeatureAttributionSequenceOutput" in str(out)
    again = marian.attribute(
        ["the name of", "it"],
        ["it is", "good"],
        attr_pos_start=1,
        attr_pos_end=3,
        attribute_target=True,
        output_step_attributions=True,
        step_scores=["probability", "entropy"],
    )
    assert len(again.step_attributions) == 2
    assert again.step_attributions[1].target_attributions.shape[:2] == (2, 2)
    assert set(again[0].step_scores) == {"probability", "entropy"}


def test_custom_targets(marian: Any, registered: None, capsys: pytest.CaptureFixture[str]) -> None:
    def difference(args: StepFunctionArgs, contrast_ids: Any, contrast_attention_mask: Any) -> Any:
        device, length = args.attribution_model.device, args.decoder_input_ids.shape[1]
        said = args.attribution_model.model(
            inputs_embeds=args.encoder_input_embeds,
            attention_mask=args.encoder_attention_mask,
            decoder_input_ids=contrast_ids[:, :length].to(device),
            decoder_attention_mask=contrast_attention_mask[:, :length].to(device),
        )
        ours = probability_fn(args)
        args.forward_output = said
        args.target_ids = contrast_ids[:, length].to(device)
        return ours - probability_fn(args)

    inseq.register_step_function(
        fn=difference,
        identifier="own_difference",
        aggregate_map={"span_aggregate": lambda x: x.prod(dim=1, keepdim=True)},
    )
    contrast = marian.encode("it was good", as_targets=True)
    out = marian.attribute(
        "the name of",
        "it is good",
        attributed_fn="own_difference",
        contrast_ids=contrast.input_ids,
        contrast_attention_mask=contrast.attention_mask,
        attribute_target=True,
        step_scores=["own_difference"],
    )
    scores = out[0].step_scores["own_difference"]
    assert abs(float(scores[0])) < 1e-6  # both begin with the same token after the same context
    assert bool((scores.abs() > 1e-4).any())
    before = out[0].aggregate().source_attributions
    assert out.weight_attributions("own_difference") is None
    torch.testing.assert_close(out[0].source_attributions, before * scores)
    out.show()
    assert capsys.readouterr().out


@pytest.mark.parametrize("kind", ["marian", "gpt2"])
def test_a_difference_of_ones_own_is_the_registered_one(
    kind: str, registered: None, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(kind)
    texts = ("the name of", "it is good") if kind == "marian" else ("the name of", "the name of it is")
    contrast = "it was good" if kind == "marian" else "the name of us is"

    def own(args: Any, contrast_targets: Any, contrast_targets_alignments: Any = None, logprob: bool = False) -> Any:
        ours = probability_fn(args, logprob=logprob)
        there = _get_contrast_inputs(
            args,
            contrast_targets=contrast_targets,
            contrast_targets_alignments=contrast_targets_alignments,
            return_contrastive_target_ids=True,
        )
        args.target_ids = there.target_ids
        return ours - probability_fn(args, logprob=logprob)

    inseq.register_step_function(fn=own, identifier="own", overwrite=True)
    asked = {"contrast_targets": contrast, "attribute_target": True}
    mine = model.attribute(*texts, attributed_fn="own", step_scores=["own", "contrast_prob_diff"], **asked)[0]
    theirs = model.attribute(*texts, attributed_fn="contrast_prob_diff", step_scores=["contrast_prob_diff"], **asked)[0]
    torch.testing.assert_close(mine.step_scores["contrast_prob_diff"], theirs.step_scores["contrast_prob_diff"])
    torch.testing.assert_close(mine.target_attributions, theirs.target_attributions, equal_nan=True)


def test_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    model = inseq.load_model(str(MODELS / "marian-tiny"), "integrated_gradients")
    out = model.attribute(
        ["the name of", "the name of"],
        ["it is good", "it is goods"],
        n_steps=5,
        return_convergence_delta=True,
        attribute_target=True,
        step_scores=["probability"],
        internal_batch_size=5,
        include_eos_baseline=False,
    )
    assert set(out[0].step_scores) == {"probability", "deltas"}
    first = out.sequence_attributions[0].aggregate(aggregator=SequenceAttributionAggregator)
    longer = len(out[1].target) - len(out[0].target)
    assert longer > 0
    end = len(out[1].target) - 1
    pipeline = AggregatorPipeline([ContiguousSpanAggregator, SequenceAttributionAggregator])
    second = out.sequence_attributions[1].aggregate(aggregator=pipeline, target_spans=(end - longer - 1, end))
    first.show(aggregator=PairAggregator, paired_attr=second)
    assert capsys.readouterr().out
    difference = first.aggregate("pair", paired_attr=second)
    torch.testing.assert_close(difference.source_attributions, second.source_attributions - first.source_attributions)


@pytest.mark.filterwarnings("ignore:No token begins with")
def test_multilingual(marian: Any) -> None:
    out = marian.attribute(
        "the name of",
        generation_args={"forced_bos_token_id": marian.tokenizer.convert_tokens_to_ids("it"), "max_new_tokens": 4},
        attribute_target=True,
        step_scores=["probability"],
    )
    assert out[0].target[1] == "it"
    out.aggregate().show(aggregator=SubwordAggregator, display=False)


def test_factual_knowledge(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    folder = str(MODELS / "gpt2-tiny")
    model = AutoModelForCausalLM.from_pretrained(folder)
    for layer in range(2):
        attrib_model = inseq.load_model(
            model, "layer_gradient_x_activation", tokenizer=folder, target_layer=model.transformer.h[layer].mlp
        )
        prompt = "the name of"
        out = attrib_model.attribute(
            prompt,
            prompt + " it",
            attributed_fn="contrast_prob_diff",
            contrast_targets=prompt + " us",
            step_scores=["contrast_prob_diff"],
            show_progress=False,
        )
        out = out.aggregate()
        out.save(tmp_path / f"layer_{layer}_ex_0.json", overwrite=True)
        loaded = inseq.FeatureAttributionOutput.load(tmp_path / f"layer_{layer}_ex_0.json")
        key = (out[0].attr_pos_start, out[0].target[out[0].attr_pos_start].token)
        assert " → " in key[1]
        assert key in loaded.get_scores_dicts(do_aggregation=False)[0]["target_attributions"]


def test_tuned_lens(gpt2: Any, registered: None) -> None:
    def confidence(args: Any, lens: Any, **kwargs: Any) -> Any:
        batch = args.attribution_model.formatter.convert_args_to_batch(args)
        outputs = args.attribution_model.get_forward_output(batch, use_embeddings=False, output_hidden_states=True)
        states = [state[..., -1, :] for state in outputs.hidden_states]
        predicted = torch.stack([lens(state).log_softmax(-1).argmax(-1) for state in states[:-1]])
        predicted = torch.cat([predicted, outputs.logits[:, -1].argmax(-1)[None]])
        if args.target_ids.ndim == 0:
            args.target_ids = args.target_ids.unsqueeze(0)
        count = len(predicted) + 1
        depth = torch.ones_like(args.target_ids) * count
        for row, token in enumerate(args.target_ids):
            places = torch.where(predicted[:, row] == token)[0]
            if places.numel() > 0:
                depth[row] = places[0] + 1
        return 1 - depth / count

    inseq.register_step_function(fn=confidence, identifier="confidence")
    lens = gpt2.model.lm_head
    out = gpt2.attribute(
        "the name",
        lens=lens,
        device="cpu",
        step_scores=["confidence"],
        method="input_x_gradient",
        generation_args={"max_new_tokens": 3, "do_sample": False},
    )
    assert bool((out[0].step_scores["confidence"] > 0).all())  # what is generated is predicted by the last layer
    forced = gpt2.attribute("the name", "the name of it is", lens=lens, device="cpu", step_scores=["confidence"])
    assert bool((forced[0].step_scores["confidence"] == 0).any())


def test_a_lens_may_be_the_target(gpt2: Any, registered: None) -> None:
    def lens(args: Any, layer: int = 1) -> Any:
        state = args.forward_output.hidden_states[layer][:, -1]
        logits = args.attribution_model.model.lm_head(state)
        return logits.log_softmax(-1).gather(-1, args.target_ids[:, None]).squeeze(-1)

    inseq.register_step_function(fn=lens, identifier="lens")
    out = gpt2.attribute("the name", "the name of", attributed_fn="lens", layer=-1, step_scores=["lens", "probability"])
    torch.testing.assert_close(out[0].step_scores["lens"].exp(), out[0].step_scores["probability"])
    plain = gpt2.attribute("the name", "the name of", attributed_fn="probability", logprob=True)
    torch.testing.assert_close(out[0].target_attributions, plain[0].target_attributions, equal_nan=True)


def test_notebook(marian: Any, gpt2: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = marian.attribute("the name of", "it is good", method="attention", attribute_target=True)
    out.show(aggregator=["mean", "mean"])
    heads = out.aggregate("mean", do_post_aggregation_checks=False)
    heads.show(do_aggregation=False, display=False)
    one_layer = out[0].aggregate("scores", select_idx=0, do_post_aggregation_checks=False).aggregate("mean")
    assert one_layer.source_attributions.ndim == 2
    source = marian.encode("the name of").input_tokens[0]
    target = marian.encode("it is good", as_targets=True).input_tokens[0]
    assert source == [token.token for token in out[0].source]
    assert target == [token.token for token in out[0].target]
    contrast = marian.attribute(
        "the name of",
        "it is good",
        attributed_fn="contrast_prob_diff",
        contrast_targets="it was good",
        contrast_targets_alignments=[[(0, 0), (1, 1)]],
        step_scores=["contrast_prob_diff"],
        attribute_target=True,
    )
    contrast.weight_attributions("contrast_prob_diff")
    contrast.show(do_aggregation=False)
    assert capsys.readouterr().out
    saved = tmp_path / "out.json"
    contrast.save(saved)
    assert inseq.FeatureAttributionOutput.load(saved) == contrast
    both = gpt2.attribute("the name", "the name of it") + gpt2.attribute("it", "it is")
    assert len(both) == 2
    assert len(sum([both, both])) == 4
    inseq.show_attributions(both[0].aggregate(), display=False)
    inseq.merge_attributions([both, both])
    assert both.info["input_texts"] == ["the name", "it"]
