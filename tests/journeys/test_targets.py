"""Targets and contrasts as a user asks for them, on the demo models and on tiny random ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wherefrom
from wherefrom import AttributionModel
from wherefrom.errors import InputError, SettingsError, UsageError, WherefromWarning
from wherefrom.step_functions import STEP_FUNCTIONS
from wherefrom.step_functions.probability import Probability
from wherefrom.testing import counting

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"
PROMPT = "Mary stayed at home"
SHE, HE = f"{PROMPT} because she was sick", f"{PROMPT} because he was sick"
DIFFERENCES = ("contrast_logits_diff", "contrast_prob_diff", "logprob_diff")


@cache
def model_of(name: str) -> AttributionModel:
    torch.set_num_threads(1)
    return wherefrom.load_model(name if ":" in name else str(MODELS / name), device="cpu")


def attribute(name: str, *texts: Any, **options: Any) -> Any:
    options.setdefault("method", "saliency")
    return model_of(name).attribute(*texts, show_progress=False, **options)


def step_of(out: Any, text: str) -> int:
    """Column of the step that said ``text``."""
    return [str(token).strip() for token in out.steps].index(text)


@pytest.fixture
def registry_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "entropy" in list(STEP_FUNCTIONS)  # what the library brings is imported with the first look
    monkeypatch.setattr(STEP_FUNCTIONS, "_entries", dict(STEP_FUNCTIONS._entries))


@pytest.mark.parametrize(
    "method,places",
    [
        ("integrated_gradients", 1),
        # without "because", from where the pronoun is predicted, no pronoun comes at all
        ("occlusion", 2),
        # a bare gradient is largest there, whatever the text
        ("saliency", 2),
    ],
)
def test_why_she_and_not_he(method: str, places: int) -> None:
    out = attribute(
        "demo:lm",
        PROMPT,
        SHE,
        method=method,
        attributed_fn="contrast_prob_diff",
        contrast_targets=HE,
        step_scores=["contrast_prob_diff", "probability", "contrast_prob"],
    )[0]
    step = step_of(out, "she")
    assert out.step_scores["contrast_prob_diff"][step] > 0.5
    np.testing.assert_allclose(
        out.step_scores["contrast_prob_diff"],
        out.step_scores["probability"] - out.step_scores["contrast_prob"],
        atol=1e-6,
    )
    scores = np.abs(out.aggregate().target_attributions[:, step])
    best = [str(out.target[i]).strip() for i in np.argsort(-scores)[:places]]
    assert "Mary" in best
    pair = out.details["contrast"]["pairs"][step]
    assert (pair["target"], pair["contrast"]) == (" she", " he")


TINY = ("gpt2-tiny", "llama-tiny", "marian-tiny", "bart-tiny", "t5-tiny")
LINEAR: dict[str, dict[str, Any]] = {
    "deeplift": {},
    "discretized_integrated_gradients": {"n_steps": 5},
    "feature_ablation": {},
    "gradient_shap": {"n_samples": 2},
    "integrated_gradients": {"n_steps": 5},
    "kernel_shap": {"n_samples": 40, "n_bootstrap": 0},
    "layer_integrated_gradients": {"n_steps": 5},
    "lime": {"n_samples": 40, "n_bootstrap": 0},
    "sequential_integrated_gradients": {"n_steps": 3},
    "shapley_value_sampling": {"n_samples": 3, "n_bootstrap": 0},
    "smoothgrad": {"n_samples": 2},
}
"""Methods whose answer for a sum is the sum of their answers, with settings that make them quick."""


@pytest.mark.filterwarnings("ignore:gradient_shap. at . steps:wherefrom.errors.WherefromWarning")  # so few samples
@pytest.mark.parametrize(
    "name,method",
    [
        *((name, method) for name in TINY for method in ("input_x_gradient", "occlusion")),
        *((name, method) for name in ("gpt2-tiny", "marian-tiny") for method in LINEAR),
    ],
)
def test_a_linear_method_of_a_difference_is_the_difference_of_its_answers(name: str, method: str) -> None:
    asked = {"method": method, **LINEAR.get(method, {})}
    source = "the name of the class"
    target, contrast = ("the value is", "argument is")
    if model_of(name).adapter.card.kind == "decoder-only":
        target, contrast = f"{source} {target}", f"{source} no value"

    def answer(function: str, **more: Any) -> Any:
        return attribute(name, source, target, attributed_fn=function, **asked, **more)[0]

    difference = answer("contrast_logits_diff", contrast_targets=contrast)
    plain, other = answer("logit"), answer("contrast_logits", contrast_targets=contrast)
    for side in ("source_attributions", "target_attributions"):
        whole, mine, its = (getattr(one, side) for one in (difference, plain, other))
        if whole is not None:
            np.testing.assert_allclose(whole, mine - its, rtol=1e-3, atol=2e-5 * np.abs(mine).max())


@pytest.mark.parametrize("function", DIFFERENCES)
@pytest.mark.parametrize("method", ["saliency", "occlusion", "lime"])
def test_a_foil_that_is_the_target_explains_nothing(function: str, method: str) -> None:
    text = "the name of the class the value is"
    out = attribute(
        "gpt2-tiny",
        "the name of the class",
        text,
        method=method,
        attributed_fn=function,
        contrast_targets=text,
        step_scores=[function, "kl_divergence", "pcxmi"],
    )[0]
    assert np.abs(out.target_attributions).max() < 1e-5
    for values in out.step_scores.values():
        np.testing.assert_allclose(values, 0.0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:The contrast .* ends before step")
@pytest.mark.parametrize("name", ["gpt2-tiny", "marian-tiny"])
def test_batches_of_contrasts_with_other_lengths_equal_singles(name: str) -> None:
    sources = ["the name of the class", "an object is", "if x"]
    targets, contrasts = ["the value is", "a value of the type", "no"], ["a name", "the list of values is it", "yes x"]
    if model_of(name).adapter.card.kind == "decoder-only":
        targets = [f"{source} {text}" for source, text in zip(sources, targets, strict=True)]
        contrasts = [f"{source} {text}" for source, text in zip(sources, contrasts, strict=True)]
    options: dict[str, Any] = {
        "attributed_fn": "contrast_logits_diff",
        "step_scores": ["contrast_prob", "kl_divergence", "pcxmi"],
    }
    together = attribute(name, sources, targets, contrast_targets=contrasts, **options)
    for index, one in enumerate(together):
        alone = attribute(name, sources[index], targets[index], contrast_targets=contrasts[index], **options)[0]
        np.testing.assert_allclose(
            one.target_attributions, alone.target_attributions, atol=2e-5 * np.abs(alone.target_attributions).max()
        )
        for key, values in one.step_scores.items():
            np.testing.assert_allclose(values, alone.step_scores[key], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "options,rows",
    [
        ({"method": "dummy"}, 0),
        ({"method": "dummy", "step_scores": ["probability", "entropy", "rank"]}, 1),
        ({"method": "dummy", "step_scores": ["contrast_prob", "pcxmi", "kl_divergence"], "contrast": True}, 2),
        ({"method": "saliency", "step_scores": ["probability", "entropy"]}, 1),
        ({"method": "saliency", "attributed_fn": "contrast_prob_diff", "contrast": True}, 1),
        ({"method": "saliency", "attributed_fn": "pcxmi", "step_scores": ["contrast_prob"], "contrast": True}, 2),
    ],
    ids=["nothing", "scores", "contrastive scores", "with a method", "target", "target and score"],
)
def test_what_scores_and_contrasts_cost(options: dict[str, Any], rows: int) -> None:
    text = "the name of the class the value is"
    if options.pop("contrast", False):
        options["contrast_targets"] = "the name of the class no value"
    metered, tally = counting(model_of("gpt2-tiny").adapter)
    AttributionModel(metered).attribute("the name of the class", text, show_progress=False, **options)
    assert tally.forward_rows == rows


def test_another_prompt_as_contrast_for_a_decoder_only_model() -> None:
    prompt, other = "Mary stayed at home", "George stayed at home"
    out = attribute(
        "demo:lm",
        prompt,
        SHE,
        method="dummy",
        contrast_sources=other,
        step_scores=["probability", "contrast_prob", "pcxmi"],
    )[0]
    step = step_of(out, "she")
    assert out.step_scores["probability"][step] > 0.5 > out.step_scores["contrast_prob"][step]
    assert out.step_scores["pcxmi"][step] < 0  # the contrastive context takes information away
    pairs = out.details["contrast"]["pairs"]
    assert all(pair["target"] == pair["contrast"] for pair in pairs)
    # the same contrast, written as a whole text
    whole = attribute(
        "demo:lm",
        prompt,
        SHE,
        method="dummy",
        contrast_targets=SHE.replace("Mary", "George"),
        step_scores=["contrast_prob"],
    )[0]
    np.testing.assert_allclose(whole.step_scores["contrast_prob"], out.step_scores["contrast_prob"], atol=1e-6)
    both = attribute(
        "demo:lm",
        prompt,
        SHE,
        method="dummy",
        contrast_sources=other,
        contrast_targets=f"{other} because he was sick",
        step_scores=["contrast_prob"],
    )[0]
    assert both.step_scores["contrast_prob"][step] > 0.5


def test_after_a_chat_the_contrast_may_be_the_answer_alone() -> None:
    chat = [{"role": "user", "content": "George was sick yesterday."}]
    answer = "His colleagues asked him to come to the {}."
    out = attribute(
        "demo:lm",
        chat,
        answer.format("hospital"),
        attributed_fn="contrast_prob_diff",
        contrast_targets=answer.format("garden"),
    )[0]
    differing = [(p["target"], p["contrast"]) for p in out.details["contrast"]["pairs"] if p["target"] != p["contrast"]]
    assert differing == [(" hospital", " garden")]


def test_another_source_as_contrast_for_an_encoder_decoder() -> None:
    source, target = "the name of the class", "the value is"
    out = attribute(
        "marian-tiny",
        source,
        target,
        method="dummy",
        contrast_sources="an object is",
        step_scores=["contrast_prob", "kl_divergence"],
    )[0]
    plain = attribute("marian-tiny", "an object is", target, method="dummy", step_scores=["probability"])[0]
    np.testing.assert_allclose(out.step_scores["contrast_prob"], plain.step_scores["probability"], rtol=1e-4)
    assert (out.step_scores["kl_divergence"] > 0).any()


def test_forced_inputs_read_the_contrastive_context() -> None:
    options: dict[str, Any] = {"contrast_sources": "George stayed at home", "attributed_fn": "contrast_prob_diff"}
    with pytest.warns(WherefromWarning, match="contrast_prob_diff is 0 at every step.*contrast_force_inputs=True"):
        out = attribute("demo:lm", PROMPT, SHE, **options)[0]
    assert np.abs(out.target_attributions).max() == 0
    forced = attribute("demo:lm", PROMPT, SHE, contrast_force_inputs=True, **options)[0]
    plain = attribute("demo:lm", PROMPT, SHE, attributed_fn="probability")[0]
    # the contrastive prediction is a constant, so the gradient is that of the plain probability
    np.testing.assert_allclose(forced.target_attributions, plain.target_attributions, atol=1e-6)
    divergence = attribute(
        "demo:lm",
        PROMPT,
        SHE,
        contrast_sources="George stayed at home",
        attributed_fn="kl_divergence",
        contrast_force_inputs=True,
    )[0]
    assert np.abs(divergence.target_attributions).max() > 0


def test_what_reads_the_contrast_alone_is_the_token_itself_where_only_the_context_differs() -> None:
    with pytest.warns(WherefromWarning, match="contrast_prob is the value of the token itself at every step"):
        out = attribute("demo:lm", PROMPT, SHE, contrast_sources="George stayed at home", attributed_fn="contrast_prob")
    plain = attribute("demo:lm", PROMPT, SHE, attributed_fn="probability")
    np.testing.assert_allclose(out[0].target_attributions, plain[0].target_attributions, atol=1e-6)


def test_alignments_for_each_of_a_batch() -> None:
    options: dict[str, Any] = {
        "method": "dummy",
        "contrast_targets": [HE, "George lost his key"],
        "step_scores": ["contrast_prob"],
    }
    texts = ([PROMPT, "George lost"], [SHE, "George lost his letter"])
    default = attribute("demo:lm", *texts, **options)
    given = [[(p["step"], p["contrast_position"]) for p in one.details["contrast"]["pairs"]] for one in default]
    same = attribute("demo:lm", *texts, contrast_targets_alignments=given, **options)
    auto = attribute("demo:lm", *texts, contrast_targets_alignments="auto", **options)
    for one, two, three in zip(default, same, auto, strict=True):
        np.testing.assert_array_equal(one.step_scores["contrast_prob"], two.step_scores["contrast_prob"])
        assert (two.details["contrast"]["origin"], three.details["contrast"]["origin"]) == ("given", "auto")
        assert [p["step"] for p in three.details["contrast"]["pairs"]] == list(
            range(three.attr_pos_start, three.attr_pos_end)
        )


@pytest.mark.parametrize("method", ["saliency", "occlusion", "integrated_gradients"])
def test_a_span_is_the_sum_of_its_tokens(method: str) -> None:
    text = f"{PROMPT} because she was sick."
    options: dict[str, Any] = {"method": method, "attributed_fn": "probability", "logprob": True}
    if method == "saliency":
        options["abs"] = False
    if method == "integrated_gradients":
        options["n_steps"] = 6
    single = attribute("demo:lm", PROMPT, text, **options)[0]
    for span in ("all", "she was", (single.attr_pos_start + 1, single.attr_pos_start + 3)):
        one = attribute("demo:lm", PROMPT, text, attributed_span=span, **options)[0]
        assert len(one.steps) == 1
        first, size = one.attr_pos_start - single.attr_pos_start, one.steps[0].size
        inside = single.target_attributions[: one.attr_pos_start, first : first + size]
        # inputs before the span are seen by all of its tokens
        expected = inside.sum(axis=1)
        np.testing.assert_allclose(
            one.target_attributions[: one.attr_pos_start, 0], expected, atol=1e-4 * np.abs(expected).max()
        )


def test_a_users_function_is_score_and_target(registry_as_it_was: None) -> None:
    @wherefrom.register_step_function("runner_up", aggregate_map={"spans": "sum"})
    def runner_up(prediction: Any, weight: float = 1.0) -> Any:
        """How far the token is ahead of the average logit."""
        xp = prediction.xp
        return weight * (prediction.at_target(prediction.logits) - xp.mean(prediction.logits, axis=-1))

    out = attribute("demo:lm", PROMPT, SHE, attributed_fn="runner_up", step_scores=["runner_up", "logit"], weight=2.0)[
        0
    ]
    assert out.step_aggregation["runner_up"] == "sum"
    half = attribute("demo:lm", PROMPT, SHE, attributed_fn="runner_up", step_scores=["runner_up"])[0]
    np.testing.assert_allclose(out.step_scores["runner_up"], 2 * half.step_scores["runner_up"], rtol=1e-5)
    np.testing.assert_allclose(out.target_attributions, 2 * half.target_attributions, rtol=1e-4, atol=1e-6)
    occluded = attribute("demo:lm", PROMPT, SHE, method="occlusion", attributed_fn="runner_up")[0]
    assert np.abs(occluded.target_attributions).max() > 0
    with pytest.raises(SettingsError, match=r"weigth.*Did you mean 'weight'\?"):
        attribute("demo:lm", PROMPT, SHE, attributed_fn="runner_up", weigth=2.0)
    with pytest.raises(SettingsError, match="expected float"):
        attribute("demo:lm", PROMPT, SHE, attributed_fn="runner_up", weight="much")


def test_registering_changes_no_result_that_exists(registry_as_it_was: None) -> None:
    def mine(prediction: Any) -> Any:
        return prediction.at_target(prediction.logits)

    wherefrom.register_step_function(mine, "mine", {"spans": "sum"})
    out = attribute("demo:lm", PROMPT, SHE, method="dummy", step_scores=["mine", "probability"])[0]
    wherefrom.register_step_function(mine, "mine", {"spans": "max"}, overwrite=True)
    wherefrom.register_step_function(lambda prediction: 0, "probability", overwrite=True)
    assert out.step_aggregation["mine"] == "sum"
    assert out.step_aggregation["probability"] == "prod"


@pytest.mark.parametrize("name", ["gpt2-tiny", "marian-tiny"])
def test_dropout_scores(name: str) -> None:
    source, target = "the name of the class", "the value is"
    if model_of(name).adapter.card.kind == "decoder-only":
        target = f"{source} {target}"
    options: dict[str, Any] = {
        "method": "dummy",
        "step_scores": ["mc_dropout_prob_avg", "mc_dropout_zscore", "probability"],
        "n_mcd_steps": 8,
    }
    one, two = (attribute(name, source, target, seed=1, **options)[0] for _ in range(2))
    other = attribute(name, source, target, seed=2, **options)[0]
    for key, values in one.step_scores.items():
        np.testing.assert_array_equal(values, two.step_scores[key])
        assert np.isfinite(values).all()
    assert (one.step_scores["mc_dropout_prob_avg"] != other.step_scores["mc_dropout_prob_avg"]).any()
    np.testing.assert_array_equal(one.step_scores["probability"], other.step_scores["probability"])
    assert not model_of(name).adapter.module.training


@pytest.mark.parametrize(
    "options,error,message",
    [
        (
            {"attributed_fn": "contrast_prob_diff", "contrast_targets": ""},
            InputError,
            r"The contrast '<s>' has 1 token\(s\).*prompt and continuation together",
        ),
        (
            {"attributed_fn": "contrast_prob_diff", "contrast_targets": [HE, HE]},
            InputError,
            r"contrast_targets has 2 text\(s\) for 1 input text\(s\)",
        ),
        (
            {
                "attributed_fn": "contrast_prob_diff",
                "contrast_targets": HE,
                "contrast_targets_alignments": [(6, 60)],
            },
            InputError,
            r"The alignment \(6, 60\) points to contrast position 60",
        ),
        (
            {"attributed_fn": "contrast_prob_diff", "contrast_targets_alignments": [(6, 6)]},
            InputError,
            "contrast_targets_alignments is given without contrast_targets",
        ),
        (
            {
                "attributed_fn": "contrast_prob_diff",
                "contrast_targets": HE,
                "contrast_targets_alignments": "rightmost",
            },
            InputError,
            r"'rightmost' is not understood. Give 'auto'",
        ),
        (
            {"attributed_fn": "contrast_prob_diff", "contrast_targets": HE, "contrast_sources": "George ran"},
            InputError,
            r"contrast_targets must begin with its contrast_sources",
        ),
        ({"contrast_targets": HE}, UsageError, r"none of probability compares with it. Use one of contrast_logits,"),
        (
            {"attributed_fn": "kl_divergence", "contrast_targets": HE},
            UsageError,
            r"kl_divergence compares whole predictions.*contrast_force_inputs=True",
        ),
        *(
            (
                {"attributed_fn": name, "contrast_targets": HE, "contrast_force_inputs": True, "method": method},
                UsageError,
                rf"{name} reads the contrastive prediction alone.*nothing to attribute. Leave contrast_force_inputs",
            )
            for name in ("contrast_prob", "contrast_logits")
            for method in ("saliency", "occlusion")
        ),
        ({"attributed_fn": "top_p_size"}, UsageError, r"top_p_size cannot be differentiated, and saliency needs"),
        (
            {"attributed_fn": "mc_dropout_prob_avg", "method": "occlusion"},
            UsageError,
            r"read from stochastic passes.*step_scores=\['mc_dropout_prob_avg'\]",
        ),
        ({"attributed_fn": "contrast_prob_dif"}, UsageError, r"Did you mean 'contrast_prob_diff'\?"),
        (
            {"attributed_fn": "contrast_prob_diff", "contrast_target": HE},
            UsageError,
            r"Did you mean 'contrast_targets'",
        ),
    ],
)
def test_what_is_said_of_a_wrong_contrast(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        attribute("demo:lm", PROMPT, SHE, **options)


@pytest.mark.parametrize(
    "contrast,message",
    [
        ("because he was sick", "shares no token with the prompt.*prompt and continuation"),
        (f"{PROMPT} because he", r"ends before step 7 \(' was sick'\).*last token, ' he'.*attr_pos_end=7"),
        (f"{PROMPT} because", r"ends before step 6 \(' she was sick'\).*last token, ' because'.*attr_pos_end=6"),
    ],
)
def test_what_is_remarked_of_a_dubious_contrast(contrast: str, message: str) -> None:
    with pytest.warns(WherefromWarning, match=message):
        attribute("demo:lm", PROMPT, SHE, attributed_fn="contrast_prob_diff", contrast_targets=contrast)


@pytest.mark.parametrize("method", ["saliency", "dummy"])
@pytest.mark.parametrize("name", ["pcxmi", "in_context_pvi", "kl_divergence"])
def test_a_score_with_nothing_to_compare_with_is_remarked(name: str, method: str) -> None:
    with pytest.warns(WherefromWarning, match=f"The step score {name} is 0 at every step: it compares with a contrast"):
        attribute("demo:lm", PROMPT, SHE, method=method, step_scores=[name])
    both = {"method": method, "step_scores": [name], "contrast_targets": [HE, None]}
    with pytest.warns(WherefromWarning, match=f"The step score {name} is 0 at every step"):
        attribute("demo:lm", [PROMPT, PROMPT], [SHE, SHE], **both)


def test_an_early_end_of_a_translation_is_remarked() -> None:
    with pytest.warns(WherefromWarning, match=r"ends before step \d+ \(' voiture verte\.'\).*last token, '</s>'"):
        attribute(
            "demo:mt",
            "Mary sees the green car.",
            "Marie voit la voiture verte.",
            attributed_fn="contrast_prob_diff",
            contrast_targets="Marie voit la",
        )


def test_of_a_span_alone_nothing_else_is_compared() -> None:
    """Nothing is said of steps that nobody explains."""
    asked = {"attributed_fn": "logprob_diff", "contrast_targets": f"{PROMPT} because he was"}
    out = attribute("demo:lm", PROMPT, SHE, attributed_span="she", step_scores=["contrast_prob"], **asked)[0]
    assert [pair["target"] for pair in out.details["contrast"]["pairs"]] == [" she"]
    whole = attribute("demo:lm", PROMPT, SHE, attr_pos_end=7, step_scores=["contrast_prob"], **asked)[0]
    np.testing.assert_allclose(out.step_scores["contrast_prob"], whole.step_scores["contrast_prob"][-1:], rtol=1e-6)
    np.testing.assert_allclose(out.target_attributions[:6, 0], whole.target_attributions[:6, -1], atol=1e-6)


OWN_SCORES = [
    ("integrated_gradients", {"n_steps": 3, "return_convergence_delta": True}, ["deltas"]),
    ("alti_logit", {"feed_forward": "apart", "attributed_fn": "logit"}, ["feed_forward"]),
]


@pytest.mark.parametrize("method, settings, own", OWN_SCORES, ids=[name for name, _, _ in OWN_SCORES])
def test_what_a_method_tells_of_its_own_is_summed_over_a_span(method: str, settings: Any, own: list[str]) -> None:
    model = model_of("demo:lm")
    out = model.attribute("George was", "George was sick. He was", method, show_progress=False, **settings)[0]
    span = (out.attr_pos_start, out.attr_pos_start + 3)
    for name in own:
        assert np.abs(out.step_scores[name][:3]).min() > 0
        merged = out.aggregate("spans", aggregate_fn="sum", target_spans=[span])
        assert merged.step_scores[name][0] == pytest.approx(out.step_scores[name][:3].sum(), rel=1e-5)


def test_step_scores_that_share_a_name_are_refused() -> None:
    def mine(prediction: Any) -> Any:
        return prediction.logits[:, 0]

    def another(prediction: Any) -> Any:
        return prediction.logits[:, 1]

    another.__name__ = "mine"
    for scores in ([mine, another], ["probability", Probability(logprob=True)]):
        with pytest.raises(SettingsError, match=r"that are called '(mine|probability)' and differ"):
            model_of("demo:lm").attribute("George was", "George was sick.", step_scores=scores, show_progress=False)
    twice = model_of("demo:lm").attribute("George was", "George was sick.", step_scores=[mine, mine, "entropy"])
    assert set(twice[0].step_scores) == {"mine", "entropy"}


def test_a_step_score_may_not_be_called_as_those_of_methods_are() -> None:
    def deltas(prediction: Any) -> Any:
        return prediction.logits[:, 0]

    with pytest.raises(SettingsError, match="'deltas', a name that methods give"):
        model_of("demo:lm").attribute("George was", "George was sick.", "saliency", step_scores=[deltas])
