"""What no setting of anything registered can mean is refused in the library's own words, before the model is asked.

Nothing is listed here but values: which settings there are, and of which kind, is read from the registries.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs
import numpy as np
import pytest
import wherefrom
from wherefrom.errors import UsageError, WherefromError
from wherefrom.evaluation import (
    Evaluation,
    coalition_game,
    evaluate,
    evaluation_cost,
    mean_curves,
    ranking,
    split_halves,
    summary,
)
from wherefrom.evaluation.asking import question_of
from wherefrom.evaluation.contract import METRICS
from wherefrom.methods.contract import METHODS
from wherefrom.methods.head_weights import fit_heads
from wherefrom.methods.perturbation.ablation import ablate
from wherefrom.methods.perturbation.samplers import SAMPLERS
from wherefrom.methods.perturbation.units import Units, units_of
from wherefrom.questions.question import Question
from wherefrom.results import compare, top_contributors
from wherefrom.results.aggregation import AGGREGATORS
from wherefrom.results.pairs import top_pairs
from wherefrom.settings import _declared as declared_types
from wherefrom.settings import from_mapping
from wherefrom.step_functions.base import STEP_FUNCTIONS
from wherefrom.testing import ReferenceModel
from wherefrom.tracing import trace_cost

from tests.looking import Looks

NAN, INFINITE = float("nan"), float("inf")
TEXT, TARGET = "George was sick", "George was sick yesterday"
HALF = "a\ud800"
THINGS: tuple[Any, ...] = (object(), print, int, b"x", {1}, np.zeros((2, 2)), 1j)
"""Values of types that no setting takes as such."""
PLAIN = (bool, int, float, str, NoneType)
SEED = "seed"
TABLES = {
    "method": METHODS,
    "step function": STEP_FUNCTIONS,
    "aggregator": AGGREGATORS,
    "metric": METRICS,
    "sampler": SAMPLERS,
}


def settings() -> Iterator[tuple[str, type, str, Any]]:
    """Kind, class, name and declared type of every setting of everything that this project registers."""
    for kind, table in TABLES.items():
        for identifier in table:
            cls: Any = table.get(identifier)
            if not cls.__module__.startswith("wherefrom"):
                continue
            for field in attrs.fields(attrs.resolve_types(cls)):
                if field.init:
                    yield kind, cls, field.name, field.type


def kinds_of(declared: Any) -> set[Any]:
    """The types of a declaration; a choice of words counts as `Literal`."""
    if get_origin(declared) in (Union, UnionType):
        return set().union(*map(kinds_of, get_args(declared)))
    return {Literal} if get_origin(declared) is Literal else {declared}


def wrong(name: str, declared: Any) -> list[Any]:
    """What a setting so declared can never be."""
    kinds = kinds_of(declared)
    values = [*THINGS, NAN, INFINITE, HALF, {}, {"a": 1}, [[]], [None], [NAN]]
    if bool not in kinds:
        values.append(True)
    if NoneType not in kinds:
        values.append(None)
    if int in kinds:
        values += [-1, 1.5, 10**30, *([] if name == SEED else [10**9])]
    if float in kinds:
        values += [-1, -0.5]
    if str not in kinds:
        values += ["", "nope"]
    if Literal in kinds and int not in kinds:
        values += [5, 0.5]
    if bool in kinds:
        values += [1, 0.0]
    return values


SETTINGS = list(settings())
OF_PLAIN_TYPES = [one for one in SETTINGS if kinds_of(one[3]) <= {*PLAIN, Literal} and kinds_of(one[3]) != {str, int}]
OF_OTHER_TYPES = [one for one in SETTINGS if one not in OF_PLAIN_TYPES]
NEVER: tuple[Any, ...] = (object(), print, int, b"x", {1}, 1j, NAN, INFINITE, HALF, True, [NAN], [None], [[]], 10**9)
"""What a setting for words, ids, spans, arrays or objects can never be."""


def named(one: tuple[str, type, str, Any]) -> str:
    kind, cls, name, _ = one
    return f"{kind}-{cls.__name__}-{name}"


def test_the_registries_are_read() -> None:
    assert {kind for kind, *_ in SETTINGS} == set(TABLES)
    assert len(OF_PLAIN_TYPES) > 100
    assert {cls.__name__ for _, cls, *_ in OF_OTHER_TYPES} >= {"Occlusion", "IntegratedGradients", "Reduce"}


@pytest.mark.parametrize("setting", OF_PLAIN_TYPES, ids=named)
def test_what_a_number_a_word_or_a_switch_cannot_be_is_refused(setting: tuple[str, type, str, Any]) -> None:
    kind, cls, name, declared = setting
    taken = []
    for value in wrong(name, declared):
        try:
            from_mapping(cls, {**needed(cls), name: value}, where=kind)
        except UsageError:
            continue
        taken.append(value)
    assert not taken


@pytest.mark.parametrize("setting", [one for one in OF_PLAIN_TYPES if float in kinds_of(one[3])], ids=named)
def test_minus_nothing_is_nothing(setting: tuple[str, type, str, Any]) -> None:
    """Where 0 is taken -0.0 is the same 0; a random generator refuses a negative deviation late."""
    kind, cls, name, _ = setting
    try:
        made = from_mapping(cls, {**needed(cls), name: -0.0}, where=kind)
    except UsageError:
        return
    assert not np.signbit(getattr(made, name))


def needed(cls: type) -> dict[str, Any]:
    """Values for the settings that have no default."""
    return {one.name: "if x" for one in attrs.fields(cls) if one.default is attrs.NOTHING and one.init}


class Asked(BaseException):
    """The model was asked. No clause for errors catches it."""


@pytest.fixture(scope="module")
def model() -> wherefrom.AttributionModel:
    model = wherefrom.load_model("demo:lm", device="cpu")
    model.attribute(TEXT, TARGET, method="deeplift", show_progress=False)  # what is looked up once is looked up now

    def refuse(*_: Any) -> None:
        raise Asked

    model.module.register_forward_pre_hook(Looks(refuse))
    return model


@pytest.mark.parametrize("setting", [one for one in OF_OTHER_TYPES if one[0] == "method"], ids=named)
def test_what_a_setting_of_a_method_cannot_be_is_refused_before_the_model_is_asked(
    model: wherefrom.AttributionModel, setting: tuple[str, type, str, Any]
) -> None:
    _, cls, name, _ = setting
    taken = []
    for value in NEVER:
        try:
            model.attribute(TEXT, TARGET, method=cls, show_progress=False, **{name: value})
        except WherefromError:
            continue
        except Asked:
            taken.append(value)
    assert not taken


@pytest.fixture(scope="module")
def result() -> Any:
    """A result with all its dimensions, of which traces and slices can be taken."""
    return wherefrom.load_model("demo:lm", "attention", device="cpu").attribute(TEXT, TARGET, show_progress=False)[0]


@pytest.mark.parametrize("setting", [one for one in OF_OTHER_TYPES if one[0] == "aggregator"], ids=named)
def test_what_a_setting_of_an_aggregator_cannot_be_is_refused(result: Any, setting: tuple[str, type, str, Any]) -> None:
    _, cls, name, _ = setting
    taken = []
    for value in NEVER:
        try:
            result.aggregate(cls, **{name: value})
        except WherefromError:
            continue
        taken.append(value)
    assert not taken


@pytest.mark.parametrize("setting", [one for one in OF_OTHER_TYPES if one[0] in ("metric", "sampler")], ids=named)
def test_what_any_other_setting_cannot_be_is_refused(setting: tuple[str, type, str, Any]) -> None:
    kind, cls, name, declared = setting
    taken = []
    for value in NEVER:
        if callable(value) and get_origin(declared) is not tuple:  # a tagger may be any function
            continue
        try:
            from_mapping(cls, {**needed(cls), name: value}, where=kind)
        except UsageError:
            continue
        taken.append(value)
    assert not taken


@pytest.mark.parametrize("method", ["occlusion", "lime"])
def test_an_object_made_by_hand_is_checked_as_well(model: wherefrom.AttributionModel, method: str) -> None:
    made = METHODS.get(method)()
    object.__setattr__(made, "internal_batch_size", "many")
    with pytest.raises(UsageError, match="internal_batch_size"):
        model.attribute(TEXT, TARGET, method=made, show_progress=False)


def test_a_window_no_text_has_room_for_is_refused_before_the_model_is_asked(model: wherefrom.AttributionModel) -> None:
    with pytest.raises(UsageError, match="window must be a whole number from 1 to 100,000, not 1000000"):
        model.attribute(TEXT, TARGET, method="occlusion", window=10**6, show_progress=False)


def calls(model: wherefrom.AttributionModel, result: Any, path: Path) -> dict[str, tuple[Callable[..., Any], Any]]:
    """The public verbs, and what each needs to be called at all."""
    asked = {"input_texts": TEXT, "generated_texts": TARGET}
    return {
        "attribute": (model.attribute, asked),
        "cost": (model.cost, asked),
        "generate": (model.generate, {"inputs": TEXT}),
        "attribute_context": (
            wherefrom.attribute_context,
            {"model": model, "current": "He came.", "context": "Mary was sick.", "output": "He came home."},
        ),
        "evaluate": (wherefrom.evaluate, {"results": result, "model": model}),
        "trace": (wherefrom.trace, {"model": model, "prompt": TEXT, "output": TARGET}),
        "compare": (wherefrom.compare, {"one": result, "other": result}),
        "load": (wherefrom.load, {"path": path}),
        "load_model": (wherefrom.load_model, {"model": model.adapter}),
        "encode": (model.encode, {"text": TEXT}),
        "decode": (model.decode, {"ids": [1]}),
    }


WRONG_TEXTS: tuple[Any, ...] = (
    *([2**63], [-1], [1, 2**63], [2**70], [-(2**70)], [True], [1.5], [None], [[2**63]], [10**6]),
    *(np.array([2**64 - 1], dtype=np.uint64), np.array([-1]), np.array([1.5]), np.array(3), np.zeros((2, 0))),
    *(5, 1.5, True, b"x", {"role": "user"}, object(), HALF, [HALF], [{"role": "user", "content": [{"text": HALF}]}]),
)
"""What can be no text, no chat and no ids of any vocabulary."""
OF_TEXTS = ("InputText", "Target", "ContrastText", "Chat", "IntArray")


SIGNATURES = {
    "attribute": wherefrom.AttributionModel.attribute,
    "cost": wherefrom.AttributionModel.cost,
    "generate": wherefrom.AttributionModel.generate,
    "attribute_context": wherefrom.attribute_context,
    "evaluate": wherefrom.evaluate,
    "trace": wherefrom.trace,
    "compare": wherefrom.compare,
    "load": wherefrom.load,
    "load_model": wherefrom.load_model,
    "encode": wherefrom.AttributionModel.encode,
    "decode": wherefrom.AttributionModel.decode,
}
SIMPLE = {
    "bool": [5, "x", [], NAN, object()],
    "int": [1.5, NAN, INFINITE, "x", True, [], {}, 10**30, object()],
    "float": [NAN, INFINITE, "x", True, [], {}, object()],
    "str": [5, NAN, True, b"x", [], {}, HALF, object()],
    "Mapping[str, Any]": [5, "x", [1], {1: 2}, object()],
    "dict[str, Any]": [5, "x", [1], {1: 2}, object()],
    "Sequence[str]": [5, NAN, True, b"x", [5], [None], [HALF], object()],
    "str | Path": [5, NAN, True, b"x", [], {}, HALF, object()],
}
"""Declarations as signatures write them, and what an argument declared so can never be."""


def arguments() -> Iterator[tuple[str, str, list[Any]]]:
    """Verb, argument and wrong values, for every argument of a simple type."""
    for verb, function in SIGNATURES.items():
        for name, one in inspect.signature(function).parameters.items():
            declared = str(one.annotation)
            optional = declared.endswith(" | None")
            wrong_values = SIMPLE.get(declared.removesuffix(" | None"))
            if wrong_values is not None and name != "device" and one.kind is not one.VAR_KEYWORD:
                yield verb, name, [*wrong_values, *([] if optional else [None]), *([-1] if name == SEED else [])]


def text_arguments() -> Iterator[tuple[str, str]]:
    """Verb and argument, for every argument that takes texts, chats or ids."""
    for verb, function in SIGNATURES.items():
        for name, one in inspect.signature(function).parameters.items():
            if any(kind in str(one.annotation) for kind in OF_TEXTS):
                yield verb, name


ARGUMENTS = list(arguments())
TEXT_ARGUMENTS = list(text_arguments())
COUNTS = [
    *(("generate", "batch_size"), ("attribute", "batch_size"), ("trace", "hops"), ("compare", "k")),
    *(("evaluate", "draws"), ("evaluate", "cuts"), ("load", "max_bytes")),
    *(("attribute_context", name) for name in ("context_sensitivity_topk", "attribution_topk", "null_draws")),
]


def test_the_signatures_are_read() -> None:
    assert {verb for verb, *_ in ARGUMENTS} == set(SIGNATURES)
    assert len(ARGUMENTS) > 70
    assert set(TEXT_ARGUMENTS) >= {("attribute", "contrast_sources"), ("trace", "output"), ("generate", "inputs")}


@pytest.mark.parametrize("verb, name", TEXT_ARGUMENTS)
def test_what_can_be_no_text_is_refused_before_the_model_is_asked(
    model: wherefrom.AttributionModel, result: Any, tmp_path: Path, verb: str, name: str
) -> None:
    call, needed_here = calls(model, result, tmp_path / "nothing.json")[verb]
    if "contrast" in name:
        needed_here = {**needed_here, "method": "occlusion", "attributed_fn": "contrast_prob_diff"}
    taken = []
    for value in WRONG_TEXTS:
        if "contrast" in name and isinstance(value, list) and value == [None]:  # an example without one
            continue
        try:
            call(**{**needed_here, name: value})
        except UsageError:
            continue
        except Asked:
            pass
        taken.append(value)
    assert not taken


@pytest.mark.parametrize("verb, name, values", ARGUMENTS, ids=[f"{verb}-{name}" for verb, name, _ in ARGUMENTS])
def test_what_an_argument_cannot_be_is_refused_before_the_model_is_asked(
    model: wherefrom.AttributionModel, result: Any, tmp_path: Path, verb: str, name: str, values: list[Any]
) -> None:
    call, needed_here = calls(model, result, tmp_path / "nothing.json")[verb]
    taken = []
    for value in values:
        try:
            call(**{**needed_here, name: value})
        except UsageError as error:
            if name in str(error) or name in ("attribution_method", "framework", "ids"):
                continue
        except Asked:
            pass
        taken.append(value)
    assert not taken


@pytest.mark.parametrize(
    "wrong", [[], [5], [(3,)], [("a", "b")], [(1.0, 2.0)], np.zeros((0, 2)), (), [[]], np.array(3)]
)
@pytest.mark.parametrize("verb", ["evaluate", "attribute"])
def test_what_is_no_list_of_spans_is_refused_before_the_model_is_asked(
    model: wherefrom.AttributionModel, result: Any, tmp_path: Path, verb: str, wrong: Any
) -> None:
    call, needed_here = calls(model, result, tmp_path / "nothing.json")[verb]
    name = {"evaluate": "outputs", "attribute": "attributed_span"}[verb]
    with pytest.raises(UsageError, match=name):
        call(**{**needed_here, name: wrong})


NO_LISTS: tuple[Any, ...] = (5, NAN, True, b"x", {}, np.array(3), object())


def list_arguments() -> Iterator[tuple[str, str]]:
    """Verb and argument, for every argument that is declared as a list, whatever of."""
    for verb, function in SIGNATURES.items():
        for name, one in inspect.signature(function).parameters.items():
            if str(one.annotation).startswith("Sequence[") and "|" not in str(one.annotation).replace(" | None", ""):
                yield verb, name


@pytest.mark.parametrize("verb, name", list(list_arguments()))
def test_what_is_no_list_is_refused_before_the_model_is_asked(
    model: wherefrom.AttributionModel, result: Any, tmp_path: Path, verb: str, name: str
) -> None:
    call, needed_here = calls(model, result, tmp_path / "nothing.json")[verb]
    for value in NO_LISTS:
        with pytest.raises(UsageError, match=name):
            call(**{**needed_here, name: value})


def test_a_baseline_for_no_side_is_refused_before_the_model_is_asked(model: wherefrom.AttributionModel) -> None:
    for wrong in ({0: "unk", "": "unk"}, {"sauce": "unk"}, {None: "unk"}):
        with pytest.raises(UsageError, match="source"):
            model.attribute(TEXT, TARGET, method="integrated_gradients", baseline=wrong, show_progress=False)


def test_weights_that_are_not_there_are_refused_before_the_model_is_asked(model: wherefrom.AttributionModel) -> None:
    with pytest.raises(UsageError, match="no such file"):
        model.attribute(TEXT, TARGET, method="learned_attention", weights="nowhere.npz", show_progress=False)


PLACES_IN_A_MODEL = ("head", "heads", "layer", "layers", "target_layer", "baseline")


@pytest.mark.parametrize(
    "setting", [one for one in SETTINGS if one[0] == "method" and one[2] in PLACES_IN_A_MODEL], ids=named
)
def test_a_place_the_model_does_not_have_is_refused_before_it_is_asked(
    model: wherefrom.AttributionModel, setting: tuple[str, type, str, Any]
) -> None:
    _, cls, name, _ = setting
    taken = []
    for value in ("nope", 99_999, -99_999, (99_999,), ["nope"]):
        try:
            model.attribute(TEXT, TARGET, method=cls, show_progress=False, **{**needed(cls), name: value})
        except WherefromError:
            continue
        except Asked:
            pass
        taken.append(value)
    assert not taken


@pytest.mark.parametrize("verb, name", COUNTS)
def test_a_count_below_the_least_is_refused(
    model: wherefrom.AttributionModel, result: Any, tmp_path: Path, verb: str, name: str
) -> None:
    call, needed_here = calls(model, result, tmp_path / "nothing.json")[verb]
    with pytest.raises(UsageError, match=name):
        call(**{**needed_here, name: -1})


WRONG: dict[str, list[Any]] = {
    "units": ["nope", "tokens", "sentences", "", 3, None, object(), {"target": "nope"}, {"nope": "word"}, [(0.5, 1)]],
    "baseline": ["nope", "zeros", "", 1.5, True, None, object(), -1, 10**9],
    "removal": ["nope", "zeros", "", 1.5, True, object(), -1, 10**9],
    "removals": [["nope"], ["zeros"], [1.5], [None], [-1], []],
}
"""What cannot be said of how something is removed, whichever function is asked."""


class Made:
    """What the functions are asked about, made when the first one is."""

    @cached_property
    def asked(self) -> wherefrom.AttributionModel:
        return wherefrom.AttributionModel(ReferenceModel())

    @cached_property
    def adapter(self) -> Any:
        return self.asked.adapter

    @cached_property
    def result(self) -> Any:
        return self.asked.attribute("the cat sat", "the cat sat on the mat", method="saliency", show_progress=False)[0]

    @cached_property
    def pairs(self) -> Any:
        return self.asked.attribute("the cat", "the cat sat", method="interactions", show_progress=False)[0]

    @cached_property
    def question(self) -> Question:
        return question_of(self.adapter, self.result)

    @cached_property
    def units(self) -> Units:
        return units_of(self.question)

    @cached_property
    def masks(self) -> Any:
        return np.eye(len(self.units), dtype=bool)

    @cached_property
    def measured(self) -> Evaluation:
        return evaluate(self.result, self.asked, ["abpc"], removals=["delete"], show_progress=False)


CALLED: dict[Callable[..., Any], Callable[..., Any]] = {
    fit_heads: lambda made, **more: fit_heads(made.adapter, [made.question], **more),
    ablate: lambda made, **more: ablate(made.adapter, made.question, made.units, made.masks, **more),
    units_of: lambda made, **more: units_of(made.question, **more),
    coalition_game: lambda made, **more: coalition_game(made.result, made.asked, **more),
    evaluate: lambda made, **more: evaluate(made.result, made.asked, ["abpc"], show_progress=False, **more),
    evaluation_cost: lambda made, **more: evaluation_cost(made.result, made.asked, ["abpc"], **more),
    mean_curves: lambda made, **more: mean_curves(made.measured, **more),
    ranking: lambda made, **more: ranking(made.measured, **{"metric": "abpc", **more}),
    split_halves: lambda made, **more: split_halves(made.measured, **{"metric": "abpc", **more}),
    summary: lambda made, **more: summary(made.measured, **more),
    compare: lambda made, **more: compare(made.result, made.result, **more),
    top_contributors: lambda made, **more: top_contributors(made.result, **more),
    top_pairs: lambda made, **more: top_pairs(made.pairs, **more),
    wherefrom.trace: lambda made, **more: wherefrom.trace(made.asked, "the cat", show_progress=False, **more),
    trace_cost: lambda made, **more: trace_cost(made.asked, "the cat", "the cat sat", **more),
    wherefrom.attribute_context: lambda made, **more: wherefrom.attribute_context(
        made.asked, "the cat", "a dog", show_progress=False, **more
    ),
}
"""Functions with settings of their own, and calls of them that take any setting's value."""


def removing_and_counting() -> Iterator[tuple[Callable[..., Any], str, Any]]:
    """Function, parameter and declared type of all that counts, or says what is removed and how."""
    for function in CALLED:
        hints = declared_types(function)
        for name in inspect.signature(function).parameters:
            kinds = kinds_of(hints.get(name, object))
            if hints.get(name) is Units:
                continue
            if name in WRONG or (kinds <= {*PLAIN, Literal} and kinds & {int, float}) or name == "metric":
                yield function, name, hints[name]


COUNTED = list(removing_and_counting())


@pytest.fixture(scope="module")
def made() -> Made:
    return Made()


def test_public_functions_that_count_are_among_them() -> None:
    modules = (wherefrom, wherefrom.evaluation, wherefrom.context, wherefrom.results, wherefrom.tracing)
    public = {one for module in modules for name in module.__all__ if inspect.isfunction(one := getattr(module, name))}
    counting = {
        function
        for function in public
        if any(
            name in WRONG or str(one.annotation) in ("int", "int | None")
            for name, one in inspect.signature(function).parameters.items()
        )
    }
    of_files = {wherefrom.load, wherefrom.open_run, wherefrom.evaluation.read_gold}  # their sizes
    assert counting - set(CALLED) <= of_files
    assert {(function.__name__, name) for function, name, _ in COUNTED} >= {("fit_heads", "seed"), ("ablate", "chunk")}


@pytest.mark.parametrize("asked", COUNTED, ids=lambda one: f"{one[0].__name__}-{one[1]}")
def test_what_no_setting_of_a_function_can_be_is_refused(
    made: Made, asked: tuple[Callable[..., Any], str, Any]
) -> None:
    function, name, declared = asked
    values = WRONG.get(name) or [one for one in wrong(name, declared) if not isinstance(one, np.ndarray)]
    if NoneType in kinds_of(declared):
        values = [one for one in values if one is not None]
    if float in kinds_of(declared):
        values = [one for one in values if one not in (-1, -0.5) or name in ("alpha", "held_out")]  # thresholds
    if name == "step":  # an index, from the end too
        values.remove(-1)
    taken = []
    for value in values:
        try:
            CALLED[function](made, **{name: value})
        except UsageError:
            continue
        taken.append(value)
    assert not taken
