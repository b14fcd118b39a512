"""What a question will take, told before it is asked: passes of the model, of each of its methods."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import msgspec
import numpy as np
from attrs import evolve
from wherefrom.attribute import AttributionModel
from wherefrom.context.foreign import EVERYDAY
from wherefrom.errors import WherefromError, WherefromWarning
from wherefrom.evaluation import evaluation_cost
from wherefrom.methods.contract import METHODS
from wherefrom.questions.examples import encode_input
from wherefrom.settings import from_mapping
from wherefrom.step_functions.base import STEP_FUNCTIONS

from wherefrom_playground.asking import Asked, Measured, documents_in, whole_target
from wherefrom_playground.chats import asked
from wherefrom_playground.limits import Limits, counts


def check_passes(model: AttributionModel, question: Asked, methods: Sequence[str], limits: Limits) -> None:
    """Refuse a question that takes too many passes with all its methods together.

    Where no output is given, the model writes it. A method that cannot know its cost counts nothing here.

    Raises:
        InputError: It does; the message says which settings lower it.
        WherefromError: The model or a method cannot answer it.
    """
    about = _arguments(model, question)
    chosen = {name: _method(question, name) for name in methods}
    taken = {name: _passes(model, about, method) for name, method in chosen.items()}
    limits.check_question(
        {name: passes for name, passes in taken.items() if passes is not None},
        lambda: [
            said
            for name, method in chosen.items()
            if (passes := taken[name]) is not None
            for said in _that_lower(model, about, method, passes)
        ],
    )


def check_context_passes(model: AttributionModel, question: Asked, context: str, method: str, limits: Limits) -> None:
    """The same of a question about a context, which is read in front of its text.

    All tokens of the output may be found to depend on it; documents are taken away one by one, and foreign ones put
    there.

    Raises:
        InputError: It takes too many passes.
    """
    found = documents_in(context)
    documents = [] if isinstance(found, str) else found
    whole = evolve(question, text=" ".join([*(documents or [str(found)]), question.text]))
    passes = _passes(model, _arguments(model, whole), _method(question, method))
    if passes is not None:
        support = 2 * len(documents) + 2 + 2 * len(EVERYDAY) if documents else 0
        limits.check_question({method: passes + 2 + support}, list)


def check_evaluation_passes(
    model: AttributionModel, question: Asked, methods: Sequence[str], measured: Measured, limits: Limits
) -> None:
    """Refuse an evaluation that takes too many passes, by what it takes of scores that nobody made yet.

    Raises:
        InputError: It does.
    """
    about = _arguments(model, question)
    out = model.attribute(about["input_texts"], about["generated_texts"], method="dummy", show_progress=False)
    rng = np.random.default_rng(0)
    sides = ["target"] if model.adapter.card.kind == "decoder-only" else ["source", "target"]
    shapes = {side: (len(getattr(out[0], side)), len(out[0].steps)) for side in sides}
    stand_ins = {}
    for name in methods:
        scores = {f"{side}_attributions": rng.random(shape) for side, shape in shapes.items()}
        made = msgspec.structs.replace(out.provenance, method={"name": name, "settings": {}})
        one = out[0].replace(method=name, **scores)
        stand_ins[name] = out.replace(sequence_attributions=(one,), provenance=made)
    limits.check_evaluation(
        evaluation_cost(stand_ins, model, measured.metrics, removals=measured.removals, units=measured.units)
    )


def _arguments(model: AttributionModel, question: Asked) -> dict[str, Any]:
    """Of `AttributionModel.cost`, all but the method; the output is the one that the question will have."""
    given = asked(question.text, question.kind)
    if question.output and isinstance(given, str):
        target: Any = whole_target(model, given, question.output)
    else:
        prompt = encode_input(model.adapter, given, add_special_tokens=True)
        ((target,),) = model.adapter.generate([prompt.ids], settings=question.generation.arguments(), seed=0)
    about: dict[str, Any] = {"input_texts": given, "generated_texts": target, "step_scores": ["probability"]}
    if question.contrast and isinstance(given, str):
        about["contrast_targets"] = whole_target(model, given, question.contrast)
    function = STEP_FUNCTIONS.get(question.target)
    about["attributed_fn"] = from_mapping(
        function, question.target_settings, where=f"step function {question.target!r}"
    )
    return about


def _method(question: Asked, name: str) -> Any:
    return from_mapping(METHODS.get(name), question.method_settings, where=f"method {name!r}")


def _passes(model: AttributionModel, about: Mapping[str, Any], method: Any) -> int | None:
    """Forward and backward; None where the method cannot know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WherefromWarning)  # it is told when the question is answered
        (cost,) = model.cost(method=method, **about)
    return None if cost is None else cost.forwards + cost.backwards


def _that_lower(model: AttributionModel, about: Mapping[str, Any], method: Any, passes: int) -> Iterator[str]:
    """Settings of a method that make it cheaper where they are half as large, as they are; tried, not guessed."""
    own = {one.name: one for one in attrs.fields(type(method))}
    for name, value, _ in counts(method):
        if name not in own or value < 2 or getattr(method, name) != value:
            continue
        try:
            fewer = _passes(model, about, evolve(method, **{name: value // 2}))
        except WherefromError:  # the half is none of its values
            continue
        if fewer is not None and fewer < passes:
            yield f"{name} (now {value})"
    if "budget" in own and method.budget is None:
        yield "budget (now none)"
