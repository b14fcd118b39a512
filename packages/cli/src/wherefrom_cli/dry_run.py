"""What a request would do, without doing it: settings, tokens, passes through the model, bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import asdict
from wherefrom.adapters import Rehearses
from wherefrom.loading import load_model
from wherefrom.methods.contract import METHODS
from wherefrom.methods.cost import Cost
from wherefrom.questions.examples import encode_input
from wherefrom.questions.given import as_text

from wherefrom_cli.attributing import compared
from wherefrom_cli.console import Console
from wherefrom_cli.request import AttributionRequest, ModelRequest
from wherefrom_cli.texts import Example

if TYPE_CHECKING:
    from wherefrom import Attribution, AttributionModel, Attributions

NARROWING = ("attr_pos_start", "attr_pos_end", "attributed_span")
"""Arguments by which fewer steps are explained than there are."""
ASSUMED_NEW_TOKENS = 20
"""How many tokens are thought to be generated where nothing says how many may be."""


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
    """The plan as plain values, resolved as `AttributionModel.attribute` does.

    Where the model would generate, the longest allowed output is assumed.
    """
    new_tokens = request.generation_args.get("max_new_tokens", ASSUMED_NEW_TOKENS)
    targets = [
        assumed_target(model, example, new_tokens, add_special_tokens=not request.skip_special_tokens)
        if example.generated is None or request.generate_from_target_prefix
        else example.generated
        for example in examples
    ]
    texts = [example.text for example in examples]
    question = request.question()
    whole = laid_out(model, texts, targets, question)
    narrowed = any(question.get(name) is not None for name in NARROWING)
    explained = laid_out(model, texts, targets, question, NARROWING) if narrowed else whole
    cells = sum(cells_of(model, one, question["attribute_target"]) for one in explained)
    costs = model.cost(texts, targets, **question, **compared(examples))
    width = math.prod(_sizes(model, METHODS.get(request.method)))
    assumed = any(target is not example.generated for target, example in zip(targets, examples, strict=True))
    planned = {
        "model": model_asked.told(),
        "request": asdict(request),
        "examples": len(examples),
        "input tokens": sum(len(one.source) for one in whole),
        "output tokens": sum(len(one.steps) for one in whole),
        "explained tokens": sum(len(one.steps) for one in explained),
        "outputs are": "generated (length assumed)" if assumed else "given",
        "passes": passes(costs),
        "bytes of scores": cells * width * 4,
        "bytes of scores, aggregated": cells * 4,
    }
    told = requests(model, examples, targets, request)
    return planned if told is None else {**planned, "requests": told}


def laid_out(
    model: AttributionModel,
    texts: Sequence[Any],
    targets: Sequence[Any],
    question: Mapping[str, Any],
    narrowing: Sequence[str] = (),
) -> Attributions:
    """The tokens and steps that a result will have, with no scores; no pass is made.

    Args:
        narrowing: Which of `NARROWING` are followed; without them all of the output is laid out.
    """
    given = {name: value for name, value in question.items() if name in ("skip_special_tokens", *narrowing)}
    return model.attribute(list(texts), list(targets), method="dummy", show_progress=False, **given)


def cells_of(model: AttributionModel, one: Attribution, attribute_target: bool | None) -> int:
    """How many pairs of an input and a step will have a score."""
    target = len(one.target)
    if model.adapter.card.kind == "decoder-only":
        return target * len(one.steps)
    return (len(one.source) + (0 if attribute_target is False else target)) * len(one.steps)


def requests(
    model: AttributionModel, examples: Sequence[Example], targets: Sequence[Any], request: AttributionRequest
) -> dict[str, int] | None:
    """What would be sent to a server, found by doing the same with nothing sent; None for models that are here."""
    if not isinstance(model.adapter, Rehearses):
        return None
    rehearsal = model.adapter.rehearsal()
    texts = [example.text for example in examples]
    asked = {**request.question(), **compared(examples)}
    load_model(rehearsal).attribute(texts, list(targets), show_progress=False, **asked)
    return {"requests": rehearsal.requests, "tokens in them": rehearsal.request_tokens}


def passes(costs: Sequence[Cost | None]) -> dict[str, Any] | str:
    """Rows forward and scalars differentiated in all, as plain values; words where they cannot be known."""
    total = Cost(forwards=0)
    for cost in costs:
        if cost is None:
            return "unknown for this method"
        total += cost
    told: dict[str, Any] = {"forward": total.forwards, "backward": total.backwards}
    return {**told, "at most": True} if total.at_most else told


def assumed_target(
    model: AttributionModel, example: Example, new_tokens: int, *, add_special_tokens: bool = True
) -> list[int]:
    """Ids of a target as long as the longest that may be generated; the new ones are tokens of the text itself."""
    adapter, given = model.adapter, as_text(example.text, "A text")
    of_text = begin = encode_input(adapter, given, add_special_tokens=add_special_tokens)
    if adapter.card.kind == "encoder-decoder":
        begin = adapter.encode(example.generated or "", side="target", decoder_prefix=True)
        of_text = of_text if isinstance(given, np.ndarray) else adapter.encode(given, side="target")
    words = [int(one) for one, token in zip(of_text.ids, of_text.tokens, strict=True) if not token.special]
    if (most := adapter.card.max_length) is not None:
        new_tokens = max(0, min(new_tokens, most - len(begin.ids)))
    return [*map(int, begin.ids), *islice(cycle(words or [int(of_text.ids[-1])]), new_tokens)]


def _sizes(model: AttributionModel, method_class: Any) -> list[int]:
    card = model.adapter.card
    sizes = {"width": card.width, "layer": card.layers, "head": card.heads}
    return [sizes.get(name) or 1 for name in method_class.dimensions]
