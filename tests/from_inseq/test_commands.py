"""inseq's command lines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wherefrom.inseq as inseq
from wherefrom.errors import SettingsError, UnknownNameError
from wherefrom.inseq.attr.step_functions import STEP_SCORES_MAP, _get_contrast_inputs
from wherefrom.inseq.commands.attribute_context import AttributeContextArgs, AttributeContextOutput
from wherefrom.inseq.commands.attribute_context.attribute_context import (
    attribute_context,
    attribute_context_with_model,
)
from wherefrom.inseq.commands.cli import main

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"
GPT2 = str(MODELS / "gpt2-tiny")


def test_attribute(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, page = tmp_path / "out.json", tmp_path / "out.html"
    words = ["attribute", "--model_name_or_path", GPT2, "--attribution_method", "input_x_gradient"]
    words += ["-i", "the name of", "it", "-g", "the name of it", "it is", "--step_scores", "probability"]
    words += ["--attribution_aggregators", "sum", "-o", str(saved), "--viz_path", str(page)]
    assert main([*words, "--attribution_kwargs", "{}", "--eos", "no", "-s", "1"]) == 0
    assert "probability" in capsys.readouterr().out
    loaded = inseq.FeatureAttributionOutput.load(saved)
    assert len(loaded) == 2
    assert loaded[0].target_attributions.ndim == 2
    assert page.read_text("utf-8").lstrip().lower().startswith("<!doctype html")
    assert main([*words, "--hide"]) == 0
    assert capsys.readouterr().out == ""


def test_selectors_and_aggregators_are_as_many(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["attribute", "-m", GPT2, "-i", "it", "-g", "it is", "--hide", "--attribution_selectors", "0", "1"]
    assert main([*words, "--attribution_aggregators", "mean"]) == 2
    assert "2 attribution_selectors for 1 attribution_aggregators" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--viz_path", "--save_path"])
@pytest.mark.parametrize("command", ["attribute", "attribute-context"])
def test_a_file_without_a_folder_is_told(
    command: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [command, "-m", GPT2, option, str(tmp_path / "nowhere" / "out.html")]
    if command == "attribute":
        words += ["-i", "it", "-g", "it is", "--hide"]
    else:
        words += ["--input_context_text", "the name.", "--input_current_text", "it", "--output_current_text", "is"]
        words += ["--show_viz", "no"]
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("Error: There is no folder")


def test_attribute_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("datasets")
    (tmp_path / "data.csv").write_text("en,it\nthe name,the name of\nit,it is\n", "utf-8")
    words = ["attribute-dataset", "-m", GPT2, "-d", "csv", "--dataset_files", str(tmp_path / "data.csv")]
    words += ["--input_text_field", "en", "--generated_text_field", "it", "--dataset_split", "train[:1]"]
    assert main([*words, "--hide", "-o", str(tmp_path / "out.json")]) == 0
    assert len(inseq.FeatureAttributionOutput.load(tmp_path / "out.json")) == 1
    words[words.index("en")] = "english"
    assert main(words) == 2
    assert "english" in capsys.readouterr().err


@pytest.mark.parametrize(
    "second, told",
    [
        ({"en": None, "it": "it is"}, "Row 1 of the data set has no text in its field 'en': None"),
        ({"en": "it", "it": None}, "Row 1 of the data set has no text in its field 'it': None"),
        ({"en": "it", "it": "it is", "number": 2}, "Row 0 of the data set has no text in its field 'number': 1"),
    ],
)
def test_what_is_no_text_in_a_data_set_is_refused(
    second: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("datasets")
    rows = [{"en": "the name", "it": "the name of", "number": 1}, second]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    words = ["attribute-dataset", "-m", GPT2, "-d", "json", "--dataset_files", str(tmp_path / "data.jsonl")]
    words += ["--input_text_field", "en", "--generated_text_field", "number" if "number" in second else "it"]
    assert main([*words, "--dataset_split", "train", "--hide", "-o", str(tmp_path / "out.json")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_attribute_context_is_saved_and_read(tmp_path: Path) -> None:
    args = AttributeContextArgs(
        model_name_or_path=GPT2,
        input_context_text="the name of it.",
        input_current_text="it was",
        attributed_fn="contrast_prob_diff",
        show_viz=False,
        save_path=str(tmp_path / "out.json"),
        generation_kwargs={"max_new_tokens": 3},
    )
    out = attribute_context(args)
    assert AttributeContextOutput.from_dict(json.loads((tmp_path / "out.json").read_text("utf-8"))) == out
    assert len(out.cti_scores) == len(out.output_current_tokens)
    assert all(len(cue.input_context_scores) == len(out.input_context_tokens) for cue in out.cci_scores)
    assert out.info["has_input_context"] is True
    without = replace(out, info=None).to_dict()
    assert out.to_dict() == {**without, "info": out.info}
    assert "info" not in without
    assert AttributeContextOutput.from_dict(without) == replace(out, info=None)
    assert out.max_cti >= out.mean_cti >= out.min_cti


def context_scores(model: inseq.AttributionModel, **options: Any) -> np.ndarray:
    """Scores of the input's context for the first token, by the options of the command."""
    args = AttributeContextArgs(
        model_name_or_path=GPT2,
        input_context_text="the name of it.",
        input_current_text="it was",
        output_current_text="it is good",
        context_sensitivity_std_threshold=0,
        show_viz=False,
        **options,
    )
    return np.array(attribute_context_with_model(args, model).cci_scores[0].input_context_scores)


def test_contexts_are_scored_as_the_options_say(gpt2: inseq.AttributionModel) -> None:
    norms = context_scores(gpt2)
    assert (norms > 0).all()
    normalized = context_scores(gpt2, normalize_attributions=True)
    rescaled = context_scores(gpt2, rescale_attributions=True)
    for other in (normalized, rescaled):
        np.testing.assert_allclose(other / other.sum(), norms / norms.sum(), rtol=1e-5)
    assert 0 < normalized.sum() < 1
    assert rescaled.max() > normalized.max()
    sums = context_scores(gpt2, attribution_aggregators=["sum"])
    assert (sums >= norms - 1e-6).all()  # of magnitudes, which saliency gives
    width = gpt2.model.config.n_embd
    one_by_one = [context_scores(gpt2, attribution_selectors=[index]) for index in range(width)]
    np.testing.assert_allclose(sum(one_by_one), sums, rtol=1e-4)


def context_of(model: Any, **options: Any) -> AttributeContextOutput:
    """Every token of an output behind a context."""
    args = AttributeContextArgs(
        model_name_or_path="", input_context_text="the name of it.", input_current_text="it was",
        output_current_text="it is good", input_template="{context} {current}", show_viz=False,
        **{"context_sensitivity_std_threshold": 0, **options},
    )  # fmt: skip
    return attribute_context_with_model(args, model)


def cue_scores(out: AttributeContextOutput) -> np.ndarray:
    """Scores of the input's context for each selected token."""
    return np.array([cue.input_context_scores for cue in sorted(out.cci_scores, key=lambda cue: cue.cti_idx)])


@pytest.mark.parametrize("kind", ["gpt2", "marian"])
@pytest.mark.parametrize("name", ["contrast_prob_diff", "contrast_logits_diff", "pcxmi", "in_context_pvi"])
def test_contexts_are_compared_by_functions_of_ones_own(
    name: str, kind: str, registered: None, request: pytest.FixtureRequest
) -> None:
    def own(args: Any, contrast_targets: Any = None, contrast_force_inputs: bool = False) -> Any:
        return STEP_SCORES_MAP[name](
            args, contrast_targets=contrast_targets, contrast_force_inputs=contrast_force_inputs
        )

    model = request.getfixturevalue(kind)
    inseq.register_step_function(own, "own")
    mine, plain = (context_of(model, context_sensitivity_metric=one).cti_scores for one in ("own", name))
    assert np.abs(plain).max() > 1e-3
    np.testing.assert_allclose(mine, plain, rtol=1e-3, atol=1e-6)
    mine, plain = (cue_scores(context_of(model, attributed_fn=one)) for one in ("own", name))
    assert np.abs(plain).max() > 0
    np.testing.assert_allclose(mine, plain, rtol=1e-4, atol=1e-8)


def test_contexts_are_compared_by_passes_of_ones_own(gpt2: Any, registered: None) -> None:
    def own(args: Any, contrast_targets: Any = None) -> Any:
        there = _get_contrast_inputs(args, contrast_targets=contrast_targets)
        said = args.attribution_model.output2logits(args.attribution_model.get_forward_output(there.batch))
        return said.softmax(-1).gather(-1, there.target_ids[:, None]).squeeze(-1)

    inseq.register_step_function(own, "own")
    mine, plain = (context_of(gpt2, context_sensitivity_metric=one).cti_scores for one in ("own", "contrast_prob"))
    np.testing.assert_allclose(mine, plain, rtol=1e-5)


def test_functions_of_ones_own_explain_contexts_with_their_arguments(gpt2: Any, registered: None) -> None:
    def power(args: Any, power: int = 1) -> Any:
        return STEP_SCORES_MAP["probability"](args) ** power

    inseq.register_step_function(power, "power")
    plain = cue_scores(context_of(gpt2))
    np.testing.assert_allclose(cue_scores(context_of(gpt2, attributed_fn="power")), plain, rtol=1e-4)
    squared = cue_scores(context_of(gpt2, attributed_fn="power", attribution_kwargs={"power": 2, "abs": False}))
    assert not np.allclose(squared, plain, rtol=0.1)
    with pytest.raises(SettingsError, match="Nobody takes a setting 'powr'"):
        context_of(gpt2, attributed_fn="power", attribution_kwargs={"powr": 2})
    with pytest.raises(UnknownNameError, match=r"'powr'.*Did you mean 'power'"):
        context_of(gpt2, attributed_fn="powr")
    with pytest.raises(SettingsError, match="'power' compares nothing"):
        context_of(gpt2, context_sensitivity_metric="power")


def test_names_mean_the_same_for_contexts_as_for_texts(gpt2: Any) -> None:
    pvi, pcxmi = (context_of(gpt2, context_sensitivity_metric=one).cti_scores for one in ("in_context_pvi", "pcxmi"))
    np.testing.assert_allclose(pvi, np.array(pcxmi) * np.log(2), rtol=1e-3, atol=1e-6)
    target = {"attributed_fn": "perplexity", "method": "saliency"}
    whole = "the name of it. it was it is good"
    (own,) = gpt2.attribute("the name of it. it was", whole, **target).aggregate("vnorm", normalize=False)
    out = context_of(gpt2, attributed_fn="perplexity")
    steps = sorted(cue.cti_idx for cue in out.cci_scores)
    scores = cue_scores(out)
    np.testing.assert_allclose(own.target_attributions[: scores.shape[1], steps].T, scores, rtol=1e-3)


def test_contexts_are_explained_by_the_models_own_target(registered: None) -> None:
    model = inseq.load_model(GPT2, "saliency", device="cpu")
    plain = cue_scores(context_of(model, attributed_fn="logit"))
    model.set_attributed_fn = "logit"
    np.testing.assert_array_equal(cue_scores(context_of(model)), plain)


def test_sampled_outputs_of_contexts_follow_torchs_generator(gpt2: inseq.AttributionModel) -> None:
    def said(generation: dict[str, Any]) -> str | None:
        args = AttributeContextArgs(
            model_name_or_path=GPT2,
            input_context_text="the name of",
            input_current_text="it is us",
            generation_kwargs={"max_new_tokens": 4, **generation},
            show_viz=False,
        )
        return attribute_context_with_model(args, gpt2).output_current

    with torch.random.fork_rng():
        torch.manual_seed(1)
        before = torch.get_rng_state()
        said({})
        assert torch.equal(torch.get_rng_state(), before)
        first, second = (said({"do_sample": True, "temperature": 5.0}) for _ in range(2))
        torch.manual_seed(1)
        assert said({"do_sample": True, "temperature": 5.0}) == first != second


def test_contexts_are_spelt_as_each_is_alone() -> None:
    args = AttributeContextArgs(
        model_name_or_path=GPT2,
        input_context_text="the name of it.",
        input_current_text="it was",
        output_context_text="The name.",
        output_current_text="it is good",
        show_viz=False,
        context_sensitivity_std_threshold=0,
    )
    out = attribute_context(args)
    assert out.output_context_tokens == ["The", "Ġn", "ame", "."]
    assert out.output_current_tokens == inseq.load_model(GPT2).tokenizer.tokenize("it is good")
    assert out.cci_scores
    assert all(cue.cti_token == out.output_current_tokens[cue.cti_idx] for cue in out.cci_scores)


def test_an_output_context_may_be_empty() -> None:
    args = AttributeContextArgs(
        model_name_or_path=str(MODELS / "marian-tiny"),
        input_context_text="the name of it.",
        input_current_text="it was",
        output_context_text="",
        output_current_text="it is",
        output_template="{context} {current}",
        context_sensitivity_std_threshold=0,
        show_viz=False,
    )
    out = attribute_context(args)
    assert (out.output_context, out.output_context_tokens) == ("", [])
    assert out.cci_scores
    assert all(cue.output_context_scores == [] for cue in out.cci_scores)


def test_attribute_context_as_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["attribute-context", "-m", str(MODELS / "marian-tiny"), "--input_context_text", "the name of it."]
    words += ["--input_current_text", "it was", "--output_current_text", "it is", "--output_context_text", ""]
    words += ["--output_template", "{context} {current}", "--context_sensitivity_std_threshold", "0"]
    assert main(words) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["attribute", "-m", GPT2], ["attribute", "-i", "a", "--no-such-option"], ["nothing"]]
)
def test_what_is_no_command_line_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err


def test_no_command_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "attribute-context" in capsys.readouterr().out


def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attribute", "-m", "no/such/folder", "-i", "a"]) == 2
    assert capsys.readouterr().err.startswith("Error: ")
