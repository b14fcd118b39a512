"""Whoever takes a result or a model refuses what is none before any work, in words that say what would do."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wherefrom
import wherefrom_viz
from wherefrom.adapters.given import adapter_of
from wherefrom.errors import UsageError
from wherefrom.evaluation import coalition_game, evaluate, evaluation_cost
from wherefrom.evaluation.bench import SHORT, run_bench
from wherefrom.evaluation.verify import verify
from wherefrom.files import RunWriter, create_run, open_run, write_run
from wherefrom.files.single import save, save_inseq
from wherefrom.results import compare, merge_attributions
from wherefrom.results.attribution import Attributions
from wherefrom.results.publishing import public
from wherefrom.results.rendering import show_attributions, show_granular, show_tokens
from wherefrom.testing import ReferenceModel
from wherefrom.tracing import trace_cost

from tests.core.made import attribution

OTHERS: list[Any] = ["out.json", Path("out.json"), None, 3, b"out", {"a": 1}, ["out.json"], [3], object()]
ONE = attribution(None, ["a", " b", " c", " d"], 2, seed=1)


def drawn() -> dict[str, Callable[..., Any]]:
    """The views that draw results and write nothing."""
    found = {name: getattr(wherefrom_viz, name) for name in wherefrom_viz.__all__}
    return {
        name: view
        for name, view in found.items()
        if inspect.isfunction(view)
        and next(iter(inspect.signature(view).parameters)) in ("attributions", "attribution")
    }


def test_views_are_found() -> None:
    assert {"render_html", "render_svg", "render_console", "describe", "render_granular"} <= set(drawn())


@pytest.mark.parametrize("name", sorted(drawn()))
@pytest.mark.parametrize("given", OTHERS, ids=lambda one: type(one).__name__)
def test_a_view_refuses_what_is_no_result(name: str, given: Any, tmp_path: Path) -> None:
    view = drawn()[name]
    more = {"folder": tmp_path / "folder"} if "folder" in inspect.signature(view).parameters else {}
    with pytest.raises(UsageError, match=r"is no result\. Give what `attribute` returned"):
        view(given, **more)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["compare_view", "render_granular"])
def test_nothing_has_no_first_example(name: str) -> None:
    with pytest.raises(UsageError, match="There are no examples to draw"):
        getattr(wherefrom_viz, name)(*[[]] * (2 if name == "compare_view" else 1))


TAKE_RESULTS: dict[str, Callable[[Any, Any, Path], Any]] = {
    "compare": lambda given, model, path: compare(given, ONE),
    "compare with": lambda given, model, path: compare(ONE, given),
    "merge": lambda given, model, path: merge_attributions([given]),
    "equality": lambda given, model, path: ONE.allclose(given),
    "equality of several": lambda given, model, path: Attributions(sequence_attributions=(ONE,)).allclose(given),
    "public": lambda given, model, path: public(given),
    "save": lambda given, model, path: save(given, path / "out.json"),
    "save for inseq": lambda given, model, path: save_inseq(given, path / "out.json"),
    "evaluate": lambda given, model, path: evaluate(given, model, ["abpc"]),
    "evaluation cost": lambda given, model, path: evaluation_cost(given, model, ["abpc"]),
    "coalition game": lambda given, model, path: coalition_game(given, model),
    "show": lambda given, model, path: show_attributions(given, display=False, return_html=True),
    "show tokens": lambda given, model, path: show_tokens(given, display=False, return_html=True),
    "show granular": lambda given, model, path: show_granular(given, display=False, return_html=True),
}


@pytest.mark.parametrize("who", TAKE_RESULTS)
@pytest.mark.parametrize(
    "given", [one for one in OTHERS if not isinstance(one, dict)], ids=lambda one: type(one).__name__
)
def test_what_is_no_result_is_refused_by_name(who: str, given: Any, model: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no result\. Give what `attribute` returned"):
        TAKE_RESULTS[who](given, model, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "given", [one for one in OTHERS if not isinstance(one, str)], ids=lambda one: type(one).__name__
)
def test_a_step_score_is_named_by_a_text(given: Any) -> None:
    with pytest.raises(UsageError, match=r"step_score = .* does not fit: expected a text"):
        ONE.weight_attributions(given)


ONE_FOR_SEVERAL: dict[str, Callable[[Path], Any]] = {
    "list": lambda path: list(ONE),
    "in": lambda path: ONE in ONE,
    "merge": lambda path: merge_attributions(ONE),  # type: ignore[arg-type]
    "merge a list of": lambda path: merge_attributions([ONE]),  # type: ignore[type-var]
    "write a run": lambda path: write_run(path / "run", ONE),
}


@pytest.mark.parametrize("who", ONE_FOR_SEVERAL)
def test_one_example_is_not_gone_through(who: str, tmp_path: Path) -> None:
    """Parts of it would be found, with some of its inputs."""
    with pytest.raises(UsageError, match="is one example, and"):
        ONE_FOR_SEVERAL[who](tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "given", [*OTHERS, Attributions(sequence_attributions=(ONE,))], ids=lambda one: type(one).__name__
)
def test_a_run_takes_examples_alone(given: Any, tmp_path: Path) -> None:
    create_run(tmp_path / "run")
    with RunWriter(tmp_path / "run") as writer:
        with pytest.raises(UsageError, match=r"is no result\. Give|holds several examples, and one is expected"):
            writer.append(given)
        with pytest.raises(UsageError, match=r"is no result\. Give|holds several examples, and one is expected"):
            writer.extend([given])
        with pytest.raises(UsageError, match="is one example"):
            writer.extend(ONE)
        writer.extend([ONE])
    assert list(open_run(tmp_path / "run")) == [ONE]


def test_a_file_is_to_be_loaded_first() -> None:
    with pytest.raises(UsageError, match=r"'out.json' is no result.*wherefrom.load\(path\)"):
        wherefrom_viz.render_html("out.json")  # type: ignore[arg-type]


NO_NAMES: list[Any] = [Exception, int, object(), [1, 2]]
"""No identifier, object or class of anything that is registered."""


@pytest.mark.parametrize("given", NO_NAMES, ids=lambda one: type(one).__name__)
def test_what_is_no_method_step_function_or_metric_is_refused(given: Any, model: Any) -> None:
    context: dict[str, Any] = {"context": "a b", "output": "c"}
    with pytest.raises(UsageError, match="must be an identifier, a method or its class"):
        model.attribute("a b", method=given)
    with pytest.raises(UsageError, match="must be an identifier, a method or its class"):
        wherefrom.load_model("demo:lm", given)
    with pytest.raises(UsageError, match="must be an identifier, a method or its class"):
        verify(given)
    with pytest.raises(UsageError, match="A metric is an identifier, a metric or its class"):
        evaluate(ONE, model, [given])
    with pytest.raises(UsageError):
        model.attribute("a b", attributed_fn=given)
    with pytest.raises(UsageError):
        model.attribute("a b", step_scores=[given])
    with pytest.raises(UsageError):
        wherefrom.attribute_context(model, "a b", context_sensitivity_metric=given, **context)
    with pytest.raises(UsageError):
        wherefrom.explain(given)


@pytest.mark.parametrize("given", [*NO_NAMES, "a b"], ids=lambda one: type(one).__name__)
def test_what_is_no_annotation_is_refused(given: Any, model: Any) -> None:
    with pytest.raises(UsageError, match="where an annotation belongs"):
        evaluate(ONE, model, ["auprc"], gold=[given])


@pytest.mark.parametrize("given", [range(3), [1, 2], {"role": "user"}, 3], ids=repr)
def test_a_current_text_is_a_text_or_a_chat(given: Any, model: Any) -> None:
    with pytest.raises(UsageError):
        wherefrom.attribute_context(model, given, context="a b", output="c")


@pytest.fixture(scope="module")
def model() -> Any:
    return wherefrom.AttributionModel(ReferenceModel())


TAKE_MODELS: dict[str, Callable[[Any, Path], Any]] = {
    "trace": lambda given, path: wherefrom.trace(given, "a b"),
    "trace cost": lambda given, path: trace_cost(given, "a b", "a b c"),
    "context": lambda given, path: wherefrom.attribute_context(given, "a b", "c"),
    "evaluate": lambda given, path: evaluate(ONE, given, ["abpc"]),
    "evaluation cost": lambda given, path: evaluation_cost(ONE, given, ["abpc"]),
    "coalition game": lambda given, path: coalition_game(ONE, given),
    "bench": lambda given, path: run_bench(given, [], SHORT, path / "bench.jsonl"),
}


@pytest.mark.parametrize("who", TAKE_MODELS)
@pytest.mark.parametrize("given", ["demo:lm", None, 3, {"model": 1}, object()], ids=lambda one: type(one).__name__)
def test_what_is_no_model_is_refused_by_name(who: str, given: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no model\. Give what `load_model` returned"):
        TAKE_MODELS[who](given, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_model_and_where_it_may_be_alone_its_adapter_are_taken(model: Any) -> None:
    assert adapter_of(model) is model.adapter
    assert adapter_of(model.adapter, alone=True) is model.adapter
    with pytest.raises(UsageError, match="is no model"):
        adapter_of(model.adapter)


def test_an_array_of_one_number_is_no_list(model: Any) -> None:
    number = np.array(3)
    with pytest.raises(UsageError):
        ONE.aggregate("spans", target_spans=[number])
    with pytest.raises(UsageError):
        ONE.aggregate("spans", target_spans=number)
    for units in (number, [number], [[0], number]):
        with pytest.raises(UsageError):
            model.attribute("a b", method="occlusion", units=units)
    for reasoning in (number, [number]):
        with pytest.raises(UsageError):
            wherefrom.trace(model, "a b", "a b c", reasoning=reasoning)


@pytest.mark.parametrize(
    "context", ["a \ud800", ["a", "b \ud800"], [{"text": "b \ud800"}], [{"role": "user", "content": "\ud800"}]]
)
def test_half_a_character_is_refused_in_contexts_too(context: Any, model: Any) -> None:
    with pytest.raises(UsageError, match="half a character"):
        wherefrom.attribute_context(model, "a b", context=context, output="c")
    with pytest.raises(UsageError, match="half a character"):
        wherefrom.attribute_context(model, "a \ud800", context="b", output="c")
