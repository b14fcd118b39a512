"""Costs, counted: what a method tells before (`Method.cost`) is what it asks of a model.

inseq pays once per step; here all steps of an example share their passes.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from attrs import evolve, fields, frozen
from wherefrom import AttributionModel
from wherefrom.adapters.views import with_methods
from wherefrom.errors import ModelCapabilityError, UsageError
from wherefrom.methods import METHODS, IntegratedGradients, Saliency
from wherefrom.methods.checking import require_checkable
from wherefrom.progress import no_progress
from wherefrom.questions.question import Question
from wherefrom.testing import Tally, counting, question

from tests.laws.claims import CLAIMS
from tests.laws.models import model_of
from tests.looking import Looks

EARLY = ("reagent", "integrated_gradients", "exact_shapley")
"""Methods that may stop early, or leave out what they find to change nothing: what they tell is a bound."""

AROUND = [
    (name, {"of": IntegratedGradients(n_steps=3)})
    for name in METHODS
    if any(setting.name == "of" for setting in fields(METHODS.get(name)))
]
"""Methods around another one, which costs more where memory is small."""


def spent(
    name: str, on: str, last: int | None = None, *, with_scores: bool = False, settings: dict[str, Any] | None = None
) -> tuple[Tally, Question, Any]:
    """What a method asks for on one example."""
    model, tally = counting(model_of(on))
    texts = ("the name", "of the class") if on == "gpt2-tiny" else ("if x", "is no value")
    about = question(model, *texts, last=last)
    if with_scores:
        about = evolve(about, scores={"score": about.target_function.at(np.arange(len(about.steps)))})
    method = CLAIMS[name].method(**(settings or {}))
    list(method.attribute(model, [about], no_progress))
    return tally, about, method


def small(model: Any) -> Any:
    """The model with memory for the gradients of one output."""
    members = {"outputs_at_once": lambda self, row, *, copies=1: 1}
    return type("SmallView", (type(with_methods(model, None)),), members)()


@pytest.mark.parametrize("on", ["gpt2-tiny", "t5-tiny"])
@pytest.mark.parametrize("name", list(METHODS))
@pytest.mark.parametrize("with_scores", [False, True])
def test_what_is_told_is_what_is_counted(name: str, on: str, with_scores: bool) -> None:
    tally, about, method = spent(name, on, with_scores=with_scores)
    told = method.cost(about)
    assert len(about.steps) >= 3
    assert tally.forward_rows <= told.forwards
    assert tally.backward_rows <= told.backwards
    if name not in EARLY:
        assert (tally.forward_rows, tally.backward_rows) == (told.forwards, told.backwards)
    # each distinct source is read once per call, not once per step
    assert tally.encoder_rows <= tally.forward_rows


@pytest.mark.parametrize(
    "name, settings",
    [
        ("integrated_gradients", {"n_steps": "auto"}),
        ("integrated_gradients", {"n_steps": 5, "return_convergence_delta": True}),
        ("gradient_shap", {"n_samples": 4, "return_convergence_delta": True}),
        ("discretized_integrated_gradients", {"n_steps": 4, "return_convergence_delta": True}),
        ("discretized_integrated_gradients", {"n_steps": 4, "between": 2}),
        ("sequential_integrated_gradients", {"n_steps": 2, "return_convergence_delta": True}),
        ("sequential_integrated_gradients", {"token_sums": True}),
        ("occlusion", {"window": 2, "stride": 2}),
        ("occlusion", {"units": "word"}),
        ("lime", {"units": "word", "n_samples": 9}),
        ("smoothgrad", {"of": "integrated_gradients", "n_samples": 2}),
        ("layer_integrated_gradients", {"n_steps": 3, "target_layer": "transformer.h[0].mlp"}),
        ("layer_deeplift", {"target_layer": "transformer.h[0].mlp"}),
    ],
)
def test_settings_that_change_the_price_are_told(name: str, settings: dict[str, Any]) -> None:
    tally, about, method = spent(name, "gpt2-tiny", settings=settings)
    told = method.cost(about)
    bound = "auto" in settings.values() or "of" in settings
    assert tally.forward_rows <= told.forwards
    assert tally.backward_rows <= told.backwards
    if bound:
        assert told.at_most
    else:
        assert (tally.forward_rows, tally.backward_rows) == (told.forwards, told.backwards)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("reagent", "context_cite", "exact_shapley")])
def test_forwards_do_not_grow_with_the_steps(name: str) -> None:
    """One step or three of the same sequence: the same rows, and every backward row is one more step's. Settings are
    those with which a step says alone what it says among others: as many samples, for one."""
    settings = CLAIMS[name].about.get("steps", {})
    few, _, _ = spent(name, "gpt2-tiny", last=1, settings=settings)
    many, about, _ = spent(name, "gpt2-tiny", last=3, settings=settings)
    assert len(about.steps) == 3
    assert many.forward_rows == few.forward_rows
    if few.backward_rows:
        assert many.backward_rows <= 3 * few.backward_rows


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("on", ["gpt2-tiny", "t5-tiny"])
@pytest.mark.parametrize("name", ["saliency", "occlusion", "lime", "integrated_gradients", "attention", "reagent"])
def test_a_call_costs_what_it_is_told_to(name: str, on: str) -> None:
    adapter, tally = counting(model_of(on))
    model = AttributionModel(adapter)
    prompts, targets = ["the name", "if x"], ["of the class", "is no value"]
    if on == "gpt2-tiny":
        targets = [f"{prompt} {target}" for prompt, target in zip(prompts, targets, strict=True)]
    settings = CLAIMS[name].settings if name == "reagent" else {}
    told = model.cost(prompts, targets, name, **settings)
    assert (tally.forward_rows, tally.backward_rows) == (0, 0)
    reports: list[tuple[str, int, int]] = []
    model.attribute(prompts, targets, name, progress=lambda *report: reports.append(report), **settings)
    total = told[0] + told[1]
    assert tally.forward_rows <= total.forwards
    assert tally.backward_rows <= total.backwards
    if not total.at_most:
        assert (tally.forward_rows, tally.backward_rows) == (total.forwards, total.backwards)
    assert reports[-1][1] == reports[-1][2]
    if counts := [(done, of) for phase, done, of in reports if phase in ("attribute", "forward")]:
        first, passes = told[0].forwards + told[0].backwards, total.forwards + total.backwards
        assert counts == [(first, passes), (passes, passes)]


@pytest.mark.parametrize(
    "name, settings",
    [
        *((name, {}) for name in ("integrated_gradients", "layer_integrated_gradients", "saliency", "occlusion")),
        ("gradient_shap", {"n_samples": 4}),
        ("discretized_integrated_gradients", {"n_steps": 4}),
        *AROUND,
        *(pytest.param(name, {}, marks=pytest.mark.heavy) for name in METHODS),
    ],
)
def test_what_a_small_memory_takes_more_is_told(name: str, settings: dict[str, Any]) -> None:
    """Outputs that do not go through a path together take its forward passes once for each group."""
    adapter, tally = counting(model_of("gpt2-tiny"))
    adapter = small(adapter)
    about = question(adapter, "the name", "of the class")
    method = CLAIMS[name].method(**settings)
    told = method.cost_on(adapter, about)
    list(method.attribute(adapter, [about], no_progress))
    assert tally.forward_rows <= told.forwards
    assert tally.backward_rows <= told.backwards
    if not told.at_most and name not in EARLY:
        assert (tally.forward_rows, tally.backward_rows) == (told.forwards, told.backwards)
    assert told.backwards == method.cost(about).backwards


@pytest.mark.parametrize("n_steps", [3, "auto"])
def test_a_small_memory_takes_the_points_of_a_path_once_for_each_output(n_steps: Any) -> None:
    adapter, tally = counting(model_of("gpt2-tiny"))
    model = AttributionModel(small(adapter))
    text = ("the name", "the name of the class")
    (whole,) = AttributionModel(adapter).cost(*text, "integrated_gradients", n_steps=n_steps)
    (told,) = model.cost(*text, "integrated_gradients", n_steps=n_steps)
    ends = 2 if n_steps == "auto" else 0
    assert told.forwards - ends == 3 * (whole.forwards - ends) > 0
    reports: list[tuple[int, int]] = []
    model.attribute(*text, "integrated_gradients", progress=lambda _, *of: reports.append(of), n_steps=n_steps)
    assert tally.forward_rows <= told.forwards
    if n_steps == 3:
        assert tally.forward_rows == told.forwards
    assert reports[-1] == (told.forwards + told.backwards,) * 2


def test_step_scores_of_ones_own_passes_make_the_cost_a_bound() -> None:
    adapter, tally = counting(model_of("gpt2-tiny"))
    model = AttributionModel(adapter)
    text = ("the name", "the name of the class")
    (told,) = model.cost(*text, "attention", step_scores=["entropy"])
    assert told is not None
    assert told.at_most
    model.attribute(*text, "attention", step_scores=["entropy"], show_progress=False)
    assert 1 <= tally.forward_rows <= told.forwards == 2


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("on", ["gpt2-tiny", "t5-tiny"])
def test_stochastic_passes_are_told_and_not_made_for_the_telling(on: str) -> None:
    adapter, tally = counting(model_of(on))
    model = AttributionModel(adapter)
    text = ("the name", "the name of the class" if on == "gpt2-tiny" else "of the class")
    settings: dict[str, Any] = {"step_scores": ["mc_dropout_prob_avg", "mc_dropout_zscore"], "n_mcd_steps": 7}
    (bare,) = model.cost(*text, "saliency", step_scores=["entropy"])
    (told,) = model.cost(*text, "saliency", **settings)
    assert tally.forward_rows == 0
    assert bare is not None
    assert told is not None
    assert told.forwards == bare.forwards + 7
    model.attribute(*text, "saliency", show_progress=False, **settings)
    assert 8 <= tally.forward_rows <= told.forwards
    assert tally.backward_rows == told.backwards


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("on", ["gpt2-tiny", "t5-tiny"])
@pytest.mark.parametrize(
    "name, settings",
    [
        ("shapley_value_sampling", {"n_samples": 6}),
        ("kernel_shap", {"n_samples": 40}),
        ("lime", {"n_samples": 30}),
        ("context_cite", {}),
        ("reagent", {"max_probe_steps": 2, "num_probes": 2}),
        ("occlusion", {}),
    ],
)
def test_a_check_is_priced_for_the_plan_that_it_draws(name: str, settings: dict[str, Any], on: str) -> None:
    """Deletion, so that rows differ from plan to plan."""
    adapter, tally = counting(model_of(on))
    model = AttributionModel(adapter)
    text, target = "the name", "of the class"
    options = {"check": True, **settings}
    for seed in range(4):
        before = tally.forward_rows
        target_text = f"{text} {target}" if on == "gpt2-tiny" else target
        (told,) = model.cost(text, target_text, name, seed=seed, **options)
        assert tally.forward_rows == before
        model.attribute(text, target_text, name, seed=seed, show_progress=False, **options)
        assert told is not None
        assert tally.forward_rows - before <= told.forwards


def test_a_check_of_spans_is_refused_before_anything_is_run() -> None:
    adapter, tally = counting(model_of("gpt2-tiny"))
    model = AttributionModel(adapter)
    texts, options = ("the name", "the name of the class"), {"attributed_span": "all", "check": True}
    refused = refusal(model.attribute, *texts, "occlusion", **options)
    assert refused is not None
    assert "leave out attributed_span" in refused
    assert refusal(model.cost, *texts, "occlusion", **options) == refused
    assert tally.forward_rows == 0


def test_a_check_without_predictions_is_refused() -> None:
    with pytest.raises(ModelCapabilityError, match="check=True needs a model that can score given sequences"):
        require_checkable(SimpleNamespace(card=model_of("gpt2-tiny").card), None)  # type: ignore[arg-type]


def refusal(ask: Any, *given: Any, **options: Any) -> str | None:
    try:
        ask(*given, **options)
    except UsageError as error:
        return str(error)
    return None


def test_a_price_takes_settings_for_one_alone() -> None:
    model = AttributionModel(model_of("gpt2-tiny"))
    texts = ("the name", "the name of the class")
    alone: dict[str, Any] = {
        "attribution_args": {"n_steps": 3},
        "step_scores": ["mc_dropout_zscore"],
        "step_scores_args": {"n_mcd_steps": 7},
    }
    (told,) = model.cost(*texts, "integrated_gradients", attributed_fn_args={"logprob": True}, **alone)
    assert (
        told
        == model.cost(*texts, "integrated_gradients", step_scores=["mc_dropout_zscore"], n_steps=3, n_mcd_steps=7)[0]
    )
    assert "Did you mean" not in str(refusal(model.cost, *texts, "saliency", generation_arg={}))
    assert "'attribution_args'" in str(refusal(model.cost, *texts, "saliency", attribution_arg={}))


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("budget", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "name", [name for name in METHODS if any(setting.name == "budget" for setting in fields(METHODS.get(name)))]
)
def test_no_price_is_told_for_a_budget_that_is_refused(name: str, budget: int) -> None:
    model = AttributionModel(model_of("gpt2-tiny"))
    texts = ("if x. the name. if y. is", "if x. the name. if y. is no value")
    refused = refusal(model.attribute, *texts, name, show_progress=False, budget=budget)
    assert refusal(model.cost, *texts, name, budget=budget) == refused
    if budget == 1:
        assert refused is not None
        assert "budget" in refused


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("function", [None, pytest.param("entropy", marks=pytest.mark.heavy), "contrast_prob_diff"])
@pytest.mark.parametrize("name", [name for name in METHODS if name != "reagent"])
def test_no_price_is_told_for_what_is_refused(name: str, function: str | None) -> None:
    model = AttributionModel(model_of("gpt2-tiny"))
    texts, contrast = ("the name", "the name of the class"), "the name in the class"
    options: dict[str, Any] = {} if function is None else {"attributed_fn": function}
    options |= {"contrast_targets": contrast} if function == "contrast_prob_diff" else {}
    refused = refusal(model.attribute, *texts, name, show_progress=False, **options)
    assert refusal(model.cost, *texts, name, **options) == refused
    if name == "learned_attention":
        assert refused is not None
        assert "needs weights" in refused
    if name == "alti_logit" and function is not None:
        assert refused is not None
        assert "takes logits apart" in refused


def test_what_cannot_be_known_is_counted_in_examples() -> None:
    @frozen(kw_only=True)
    class Unknown(Saliency):
        def cost(self, question: Question) -> None:  # type: ignore[override]
            return None

    model = AttributionModel(model_of("gpt2-tiny"))
    texts = (["the name", "if x"], ["the name of the class", "if x is no value"])
    assert model.cost(*texts, Unknown()) == [None, None]
    reports: list[tuple[str, int, int]] = []
    model.attribute(*texts, Unknown(), progress=lambda *report: reports.append(report))
    assert reports == [("attribute", 1, 2), ("attribute", 2, 2)]


def test_sums_alone_need_no_gradients() -> None:
    model, tally = counting(model_of("reference"))
    about = question(model, "the cat saw", "a dog")
    method = CLAIMS["sequential_integrated_gradients"].method(token_sums=True)
    list(method.attribute(model, [about], no_progress))
    assert tally.backward_rows == 0
    assert tally.forward_rows <= int(about.steps.max()) + 1


def test_occlusion_runs_only_what_changed() -> None:
    """Positions run: one pass for each, from the change on; half of the whole square."""
    model, tally = counting(model_of("gpt2-tiny"))
    about = question(model, "the name of the class", "the value is")
    list(CLAIMS["occlusion"].method().attribute(model, [about], no_progress))
    length = int(about.steps.max())
    assert tally.forward_positions <= length * (length + 1) // 2 + length


def test_the_adapter_does_what_was_counted() -> None:
    """The rows that reach the model's own forward are those that were asked for, and so are their lengths."""
    adapter = model_of("gpt2-tiny")
    about = question(adapter, "the name of the class", "the value is")
    seen: list[tuple[int, int]] = []

    def note(module: Any, args: Any, kwargs: Any) -> None:
        ids = kwargs.get("input_ids", args[0] if args else None)
        seen.append(tuple(ids.shape))

    handle = adapter.module.register_forward_pre_hook(Looks(note), with_kwargs=True)
    try:
        list(CLAIMS["saliency"].method().attribute(adapter, [about], no_progress))
        assert sum(rows * length for rows, length in seen) == int(about.steps.max())
        seen.clear()
        list(CLAIMS["integrated_gradients"].method().attribute(adapter, [about], no_progress))
        points = CLAIMS["integrated_gradients"].method().n_steps
        assert sum(rows * length for rows, length in seen) == points * int(about.steps.max())
        seen.clear()
        list(CLAIMS["occlusion"].method().attribute(adapter, [about], no_progress))
        longest = int(about.steps.max())
        assert sum(rows * length for rows, length in seen) <= (longest + 1) * longest
    finally:
        handle.remove()
