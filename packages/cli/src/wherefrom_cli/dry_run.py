"""What a request would do, without doing it: settings, tokens, passes through the model, bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
from attrs import asdict, frozen
from wherefrom.methods.contract import METHODS
from wherefrom.settings import from_mapping

from wherefrom_cli.console import Console
from wherefrom_cli.request import AttributionRequest, ModelRequest
from wherefrom_cli.texts import Example

if TYPE_CHECKING:
    from wherefrom import AttributionModel

_ASSUMED_NEW_TOKENS = 20


@frozen(kw_only=True)
class Passes:
    """Full-length forward passes of one row, and rows of backward passes."""

    forward: int
    backward: int

    def __add__(self, other: Passes) -> Passes:
        return Passes(forward=self.forward + other.forward, backward=self.backward + other.backward)


def passes_of(method: str, inputs: int, steps: int, settings: dict[str, Any]) -> Passes | None:
    """What one example costs; None for methods whose cost is not known here.

    Args:
        inputs: Scored tokens.
        steps: Explained tokens.
        settings: The method's settings; ``n_steps``, ``n_samples`` are read where they matter.
    """
    points = settings.get("n_steps", "auto")
    samples = settings.get("n_samples", 5)
    n = points if isinstance(points, int) else 17
    m = samples if isinstance(samples, int) else 5
    table = {
        "dummy": Passes(forward=1, backward=0),
        "attention": Passes(forward=1, backward=0),
        "saliency": Passes(forward=1, backward=steps),
        "input_x_gradient": Passes(forward=1, backward=steps),
        "deeplift": Passes(forward=2, backward=steps),
        "gradient_shap": Passes(forward=m, backward=m * steps),
        "integrated_gradients": Passes(forward=n, backward=n * steps),
        "discretized_integrated_gradients": Passes(forward=n, backward=n * steps),
        "sequential_integrated_gradients": Passes(forward=n * inputs, backward=n * inputs * steps),
        "occlusion": Passes(forward=inputs + 1, backward=0),
        "feature_ablation": Passes(forward=inputs + 1, backward=0),
        "value_zeroing": Passes(forward=2, backward=0),
    }
    for sampled in ("lime", "kernel_shap", "shapley_value_sampling", "context_cite"):
        table[sampled] = Passes(forward=m + 1, backward=0)
    return table.get(method)


def print_plan(
    model: AttributionModel,
    model_asked: ModelRequest,
    examples: Sequence[Example],
    request: AttributionRequest,
    console: Console,
    *,
    as_json: bool,
) -> None:
    """Print what attributing ``examples`` would take."""
    planned = plan(model, model_asked, examples, request)
    if as_json:
        console.line(json.dumps(planned, indent=2, ensure_ascii=False, default=str))
        return
    for name, value in planned.items():
        if isinstance(value, dict):
            console.line(f"{name}:")
            for key, item in value.items():
                console.line(f"  {key}: {json.dumps(item, ensure_ascii=False, default=str)}")
        else:
            console.line(f"{name}: {value}")


def plan(
    model: AttributionModel,
    model_asked: ModelRequest,
    examples: Sequence[Example],
    request: AttributionRequest,
) -> dict[str, Any]:
    """The plan as plain values. Where the model would generate, the longest allowed output is assumed."""
    method_class = METHODS.get(request.method)
    known = {name: value for name, value in request.settings.items() if name in _fields(method_class)}
    from_mapping(method_class, known, where=f"method {request.method!r}")
    decoder_only = model.adapter.card.kind == "decoder-only"
    new_tokens = request.generation_args.get("max_new_tokens", _ASSUMED_NEW_TOKENS)
    source_total = step_total = cells = 0
    passes: Passes | None = Passes(forward=0, backward=0)
    for example in examples:
        prompt = len(model.adapter.encode(example.text, side="target" if decoder_only else "source").ids)
        if example.generated is None:
            steps = new_tokens
        else:
            steps = len(model.adapter.encode(example.generated, side="target").ids) - (prompt if decoder_only else 1)
        steps = max(steps, 0)
        inputs = prompt + steps + (0 if decoder_only else 1)
        source_total += prompt
        step_total += steps
        cells += inputs * steps
        one = passes_of(request.method, inputs, steps, dict(request.settings))
        passes = None if one is None or passes is None else passes + one
    width = math.prod(_sizes(model, method_class))
    return {
        "model": asdict(model_asked),
        "request": asdict(request),
        "examples": len(examples),
        "input tokens": source_total,
        "output tokens": step_total,
        "outputs are": "generated (length assumed)" if any(e.generated is None for e in examples) else "given",
        "passes": "unknown for this method" if passes is None else asdict(passes),
        "bytes of scores": cells * width * 4,
        "bytes of scores, aggregated": cells * 4,
    }


def _fields(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cls)) if attrs.has(cls) else ()


def _sizes(model: AttributionModel, method_class: Any) -> list[int]:
    card = model.adapter.card
    sizes = {"width": card.width, "layer": card.layers, "head": card.heads}
    return [sizes.get(name) or 1 for name in method_class.dimensions]
