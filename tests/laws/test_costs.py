"""The table of costs, counted: what each method asks of a model for T steps and L inputs.

inseq pays once per step; here all steps of an example share their passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen
from wherefrom.methods import METHODS
from wherefrom.progress import no_progress
from wherefrom.questions.question import Question
from wherefrom.testing import Tally, counting, question

from tests.laws.claims import CLAIMS
from tests.laws.models import model_of


@frozen(kw_only=True)
class Cost:
    """Most forward rows and backward rows, as functions of T steps, L inputs that move and the method's settings."""

    forwards: Callable[[int, int, Any], int]
    backwards: Callable[[int, int, Any], int] = lambda T, L, m: 0


def _n(method: Any) -> int:
    return int(getattr(method, "n_steps", 0) or getattr(method, "n_samples", 0))


ONE = Cost(forwards=lambda T, L, m: 1, backwards=lambda T, L, m: T)
COSTS: dict[str, Cost] = {
    "alti": Cost(forwards=lambda T, L, m: 1),
    "alti_logit": Cost(forwards=lambda T, L, m: 2),
    "attention": Cost(forwards=lambda T, L, m: 1),
    "attention_flow": Cost(forwards=lambda T, L, m: 1),
    "attention_rollout": Cost(forwards=lambda T, L, m: 1),
    "context_cite": Cost(forwards=lambda T, L, m: _n(m) + 1),
    "deeplift": Cost(forwards=lambda T, L, m: 2, backwards=lambda T, L, m: T),
    "discretized_integrated_gradients": Cost(forwards=lambda T, L, m: _n(m), backwards=lambda T, L, m: _n(m) * T),
    "dummy": Cost(forwards=lambda T, L, m: 1),
    "exact_shapley": Cost(forwards=lambda T, L, m: 2**L),
    "feature_ablation": Cost(forwards=lambda T, L, m: L + 1),
    "gradient_shap": Cost(forwards=lambda T, L, m: _n(m), backwards=lambda T, L, m: _n(m) * T),
    "input_x_gradient": ONE,
    "integrated_gradients": Cost(forwards=lambda T, L, m: _n(m), backwards=lambda T, L, m: _n(m) * T),
    "kernel_shap": Cost(forwards=lambda T, L, m: _n(m) + 2),
    "layer_deeplift": Cost(forwards=lambda T, L, m: 2, backwards=lambda T, L, m: T),
    "layer_gradient_x_activation": ONE,
    "layer_integrated_gradients": Cost(forwards=lambda T, L, m: _n(m) + 2, backwards=lambda T, L, m: _n(m) * T),
    "lime": Cost(forwards=lambda T, L, m: _n(m) + 1),
    "occlusion": Cost(forwards=lambda T, L, m: L + 1),
    "reagent": Cost(forwards=lambda T, L, m: 10**6),
    "saliency": ONE,
    "sequential_integrated_gradients": Cost(
        forwards=lambda T, L, m: _n(m) * L, backwards=lambda T, L, m: _n(m) * L * T
    ),
    "shapley_value_sampling": Cost(forwards=lambda T, L, m: _n(m) * (L + 1) + 2),
    "smoothgrad": Cost(forwards=lambda T, L, m: _n(m), backwards=lambda T, L, m: _n(m) * T),
    "squaregrad": Cost(forwards=lambda T, L, m: _n(m), backwards=lambda T, L, m: _n(m) * T),
    "value_norms": Cost(forwards=lambda T, L, m: 1),
    "value_zeroing": Cost(forwards=lambda T, L, m: 1),
    "vargrad": Cost(forwards=lambda T, L, m: _n(m), backwards=lambda T, L, m: _n(m) * T),
}
UNBOUNDED = ("reagent",)
"""Methods that stop when they are content: their cost has no closed form."""


def spent(name: str, on: str, last: int | None = None) -> tuple[Tally, Question, Any]:
    """What a method asks for on one example."""
    model, tally = counting(model_of(on))
    texts = ("the name", "of the class") if on == "gpt2-tiny" else ("if x", "is no value")
    about = question(model, *texts, last=last)
    method = CLAIMS[name].method()
    list(method.attribute(model, [about], no_progress))
    return tally, about, method


def test_every_method_has_its_price() -> None:
    assert set(COSTS) == set(METHODS)


@pytest.mark.parametrize("on", ["gpt2-tiny", "t5-tiny"])
@pytest.mark.parametrize("name", [name for name in COSTS if name not in UNBOUNDED])
def test_cost(name: str, on: str) -> None:
    tally, about, method = spent(name, on)
    inputs = int(about.steps.max()) + (0 if about.source_ids is None else len(about.source_ids))
    price = COSTS[name]
    steps = len(about.steps)
    assert steps >= 3
    assert tally.forward_rows <= price.forwards(steps, inputs, method)
    assert tally.calls or name == "dummy"
    assert tally.backward_rows <= price.backwards(steps, inputs, method)
    # each distinct source is read once per call, not once per step
    assert tally.encoder_rows <= tally.forward_rows


@pytest.mark.parametrize("name", [name for name in COSTS if name not in (*UNBOUNDED, "context_cite", "exact_shapley")])
def test_forwards_do_not_grow_with_the_steps(name: str) -> None:
    """One step or three of the same sequence: the same rows, and every backward row is one more step's."""
    few, _, _ = spent(name, "gpt2-tiny", last=1)
    many, about, _ = spent(name, "gpt2-tiny", last=3)
    assert len(about.steps) == 3
    assert many.forward_rows == few.forward_rows
    if few.backward_rows:
        assert many.backward_rows <= 3 * few.backward_rows


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

    handle = adapter.module.register_forward_pre_hook(note, with_kwargs=True)
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
