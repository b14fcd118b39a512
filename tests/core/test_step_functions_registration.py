"""One's own step functions: settings from a signature, names, aggregation, and errors a user would read."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import attrs
import numpy as np
import pytest
import torch
from wherefrom import AttributionModel
from wherefrom._registry import Registry
from wherefrom.errors import SettingsError, ShapeError, UnknownNameError, UsageError
from wherefrom.questions.target_function import TargetFunction
from wherefrom.settings import from_mapping, non_default
from wherefrom.step_functions import (
    STEP_FUNCTIONS,
    Logit,
    StepPrediction,
    list_step_functions,
    register_step_function,
    require_differentiable,
    step_function,
)
from wherefrom.step_functions.registration import RESERVED, step_function_of
from wherefrom.testing import linear_model


@pytest.fixture(autouse=True)
def registry_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Names registered by a test are gone after it."""
    list_step_functions()  # imports the built-in ones, which stay
    monkeypatch.setattr(STEP_FUNCTIONS, "_entries", dict(STEP_FUNCTIONS._entries))
    monkeypatch.setattr(STEP_FUNCTIONS, "_aliases", dict(STEP_FUNCTIONS._aliases))
    return


def prediction(steps: int = 3, vocabulary: int = 5) -> StepPrediction:
    random = np.random.default_rng(0)
    return StepPrediction(
        logits=random.standard_normal((steps, vocabulary)), target_ids=random.integers(0, vocabulary, steps)
    )


def tempered(prediction: StepPrediction, temperature: float = 2.0, negative: bool = False) -> Any:
    """Log-probability at another temperature."""
    value = prediction.at_target(prediction.log_probabilities()) / temperature
    return -value if negative else value


def test_a_plain_function_gets_declared_settings() -> None:
    assert register_step_function(tempered, "tempered", aggregate_map={"spans": "sum"}) is tempered
    assert "tempered" in list_step_functions()
    cls = STEP_FUNCTIONS.get("tempered")
    half = from_mapping(cls, {"temperature": 4}, where="step function 'tempered'")
    assert half == cls(temperature=4.0)
    assert half.span_aggregation == "sum"
    np.testing.assert_allclose(half(prediction()), cls()(prediction()) / 2)
    with pytest.raises(SettingsError, match=r"has no setting 'temprature'. Did you mean 'temperature'\?"):
        from_mapping(cls, {"temprature": 1.0}, where="step function 'tempered'")
    with pytest.raises(SettingsError, match="temperature = 'hot' does not fit: expected float, got 'hot'"):
        from_mapping(cls, {"temperature": "hot"}, where="step function 'tempered'")


def test_it_serves_as_score_and_as_differentiable_target() -> None:
    register_step_function(tempered, "tempered")
    logits = torch.randn(3, 5, requires_grad=True, dtype=torch.float64)
    target_function = TargetFunction(function=STEP_FUNCTIONS.get("tempered")(), target_ids=np.array([1, 2, 3]))
    values = target_function.values(logits)
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    chosen = torch.nn.functional.one_hot(torch.tensor([1, 2, 3]), 5)
    torch.testing.assert_close(gradient, (chosen - logits.softmax(-1)).detach() / 2)


@pytest.mark.parametrize(
    "decorator",
    [
        lambda: register_step_function("mine", aggregate_map={"spans": "prod"}),
        lambda: register_step_function(identifier="mine", aggregate_map={"spans": "prod"}),
    ],
    ids=["name first", "name by keyword"],
)
def test_as_a_decorator(decorator: Callable[[], Any]) -> None:
    @decorator()
    def anything(prediction: StepPrediction) -> Any:
        return prediction.at_target(prediction.logits)

    assert STEP_FUNCTIONS.get("mine")().span_aggregation == "prod"
    assert anything(prediction()).shape == (3,)


def test_the_function_names_itself() -> None:
    @register_step_function()
    def own_name(prediction: StepPrediction) -> Any:
        return prediction.at_target(prediction.logits)

    assert STEP_FUNCTIONS.get("own_name").identifier == "own_name"


def test_a_function_written_for_inseq_works_as_it_is() -> None:
    def target_logit(args: Any, contrast_targets: Any = None, scale: float = 1.0, **kwargs: Any) -> Any:
        logits = args.attribution_model.output2logits(args.forward_output)
        ids = args.target_ids.reshape(logits.shape[0], 1)
        return scale * logits.gather(-1, ids).squeeze(-1)

    register_step_function(target_logit, "target_logit", {"spans": "mean"})
    cls = STEP_FUNCTIONS.get("target_logit")
    assert [field.name for field in attrs.fields(cls)] == ["scale"]
    assert cls.contrastive
    asked = StepPrediction(logits=torch.randn(3, 5), target_ids=torch.tensor([0, 4, 2]))
    torch.testing.assert_close(cls(scale=2.0)(asked), 2 * Logit()(asked))


def test_a_settings_class_is_taken_as_it_is() -> None:
    @register_step_function
    @attrs.frozen(kw_only=True)
    class Shifted:
        identifier: ClassVar[str] = "shifted"

        by: float = 1.0

        def __call__(self, prediction: StepPrediction, /) -> Any:
            return prediction.at_target(prediction.logits) + self.by

    cls = STEP_FUNCTIONS.get("shifted")
    assert cls is Shifted
    assert cls(by=2.0).span_aggregation == "absmax"
    np.testing.assert_allclose(cls(by=2.0)(prediction()), Logit()(prediction()) + 2)


def test_a_new_name_makes_a_new_class() -> None:
    register_step_function(Logit, "logit_sum", {"spans": "sum"})
    assert STEP_FUNCTIONS.get("logit_sum")().span_aggregation == "sum"
    assert STEP_FUNCTIONS.get("logit_sum").identifier == "logit_sum"
    assert (Logit().span_aggregation, Logit.identifier) == ("absmax", "logit")


def test_a_taken_name_is_refused_unless_told() -> None:
    with pytest.raises(SettingsError, match="A step function called 'logit' is registered already"):
        register_step_function(tempered, "logit")
    with pytest.raises(SettingsError, match="'logits' is registered already"):
        register_step_function(tempered, "logits")
    before = STEP_FUNCTIONS.get("logit")()
    register_step_function(tempered, "logit", overwrite=True)
    assert STEP_FUNCTIONS.get("logit")()(prediction()).shape == (3,)
    assert isinstance(before, Logit)


@pytest.mark.parametrize(
    "aggregate_map, message",
    [
        ({"spans": "porduct"}, r"no aggregation 'porduct' for spans.*prod"),
        ({"spans": "prd"}, r"Did you mean 'prod'\?"),
        ({"scores": "sum"}, r"merged over 'spans' alone.*aggregate_map=\{'spans': 'sum'\}"),
    ],
)
def test_an_unknown_aggregation_is_refused(aggregate_map: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        register_step_function(tempered, "tempered", aggregate_map)
    assert "tempered" not in list_step_functions()


def test_signatures_that_cannot_be_settings_are_refused() -> None:
    with pytest.raises(SettingsError, match="takes no prediction"):
        register_step_function(lambda: 0, "empty")
    with pytest.raises(SettingsError, match=r"takes \*more"):
        register_step_function(lambda prediction, *more: 0, "starred")
    with pytest.raises(SettingsError, match="a function with a name"):
        register_step_function(3, "number")  # type: ignore[call-overload]
    with pytest.raises(SettingsError, match="Path is no step function"):
        register_step_function(Path, "path")


@pytest.mark.parametrize(
    "wrong, described",
    [
        (lambda prediction: prediction.logits, r"an array of shape \(3, 5\)"),
        (lambda prediction: prediction.logits.sum(), r"an array of shape \(\)"),
        (lambda prediction: None, "None, a NoneType"),
    ],
    ids=["matrix", "scalar", "nothing"],
)
def test_a_value_of_the_wrong_shape_is_told(wrong: Any, described: str) -> None:
    register_step_function(wrong, "wrong")
    with pytest.raises(ShapeError, match=rf"'wrong' returned {described}; expected one value per step"):
        STEP_FUNCTIONS.get("wrong")()(prediction())


FACTS = ("contrastive", "differentiable", "identifier", "logarithm", "sampled", "span_aggregation", "self", "function")


@pytest.mark.parametrize("name", [*FACTS, "falls_with_probability", "reads_contrast_alone", "former_names", "__call__"])
def test_a_setting_is_not_called_like_what_a_function_says_of_itself(name: str) -> None:
    """It would be taken for it: the function compares, is sampled or merges as the setting says."""
    scope: dict[str, Any] = {}
    exec(f"def own(prediction, {name}=2.0): return prediction.at_target(prediction.logits)", scope)
    with pytest.raises(SettingsError, match=rf"'own' has a parameter '{name}'.*another name"):
        register_step_function(scope["own"])
    with pytest.raises(SettingsError, match=rf"'own' has a parameter '{name}'"):
        step_function_of(scope["own"])


def test_a_function_of_no_module_is_taken() -> None:
    scope: dict[str, Any] = {}
    exec("def own(prediction, factor=2.0): return factor * prediction.at_target(prediction.logits)", scope)
    assert scope["own"].__module__ is None
    one = step_function_of(scope["own"])(factor=1.0)
    np.testing.assert_array_equal(one(prediction()), prediction().at_target(prediction().logits))
    assert repr(one) == "own(factor=1.0)"
    assert isinstance(type(one).__module__, str)


FACTS_OF_FUNCTIONS = sorted(set(inspect.signature(step_function).parameters) - {"names", "aliases", "span_aggregation"})


def shortfall(prediction: StepPrediction) -> Any:
    """A loss."""
    return -prediction.at_target(prediction.log_probabilities())


@attrs.frozen(kw_only=True)
class Shortfall:
    """The same as a class."""

    def __call__(self, prediction: StepPrediction) -> Any:
        return shortfall(prediction)


@pytest.mark.parametrize("fact", [name for name in FACTS_OF_FUNCTIONS if name != "sampled"])  # which takes an adapter
@pytest.mark.parametrize("thing", [shortfall, Shortfall], ids=["function", "class"])
def test_what_a_built_in_function_says_of_itself_one_of_ones_own_can_say(thing: Any, fact: str) -> None:
    for value in (True, False):
        register_step_function(thing, f"own_{value}", **{fact: value})
        assert getattr(STEP_FUNCTIONS.get(f"own_{value}")(), fact) is value
    register_step_function(f"own_{fact}", **{fact: False})(thing)
    assert getattr(STEP_FUNCTIONS.get(f"own_{fact}"), fact) is False
    with pytest.raises(AttributeError):
        Shortfall.falls_with_probability  # type: ignore[attr-defined]  # noqa: B018


def test_scores_of_a_loss_of_ones_own_point_where_those_of_the_built_in_one_do() -> None:
    register_step_function("shortfall", falls_with_probability=True)(shortfall)
    model = AttributionModel(linear_model())
    asked = {"method": "occlusion", "show_progress": False}
    own, known, unsaid = (
        model.attribute("the cat sat", "the cat sat on", attributed_fn=one, **asked)[0]
        for one in ("shortfall", "crossentropy", shortfall)
    )
    assert own.details["falls_with_probability"] == "shortfall"
    assert known.details["falls_with_probability"] == "crossentropy"
    assert "falls_with_probability" not in unsaid.details


def test_every_fact_that_the_library_reads_is_reserved() -> None:
    facts = {name for name in inspect.signature(step_function).parameters if name not in ("names", "aliases")}
    assert facts < RESERVED


def test_a_setting_with_an_underscore_is_set_by_its_name() -> None:
    def shifted(prediction: StepPrediction, _by: float = 0.0) -> Any:
        return prediction.at_target(prediction.logits) + _by

    register_step_function(shifted)
    one = from_mapping(STEP_FUNCTIONS.get("shifted"), {"_by": 1.0}, where="step function 'shifted'")
    np.testing.assert_allclose(one(prediction()), STEP_FUNCTIONS.get("shifted")()(prediction()) + 1)
    assert non_default(one) == {"_by": 1.0}


def test_a_count_declares_that_it_has_no_gradient() -> None:
    @register_step_function("likelier", differentiable=False)
    def likelier(prediction: StepPrediction) -> Any:
        """Tokens that are likelier."""
        return (prediction.logits > prediction.at_target(prediction.logits)[:, None]).sum(-1)

    with pytest.raises(UsageError, match="likelier cannot be differentiated"):
        require_differentiable(STEP_FUNCTIONS.get("likelier")())
    assert STEP_FUNCTIONS.get("likelier").__doc__ == "Tokens that are likelier."


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'probability'\?"):
        STEP_FUNCTIONS.get("probabilty")


def test_a_plugin_is_found_by_entry_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "somebodys_scores.py").write_text(
        "from wherefrom.step_functions import register_step_function\n"
        "\n"
        "@register_step_function('halved', aggregate_map={'spans': 'mean'})\n"
        "def halved(prediction, by: float = 2.0):\n"
        "    return prediction.at_target(prediction.logits) / by\n",
        "utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint(name="halved", value="somebodys_scores:halved", group="wherefrom.step_functions")
    monkeypatch.setattr(STEP_FUNCTIONS, "_found", None)  # nobody has looked yet
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] if group == point.group else [])
    assert "halved" in list_step_functions()
    assert "somebodys_scores" not in sys.modules
    halved = STEP_FUNCTIONS.get("halved")
    assert halved(by=4.0).span_aggregation == "mean"
    np.testing.assert_allclose(halved(by=4.0)(prediction()), Logit()(prediction()) / 4)
    monkeypatch.delitem(sys.modules, "somebodys_scores")


def test_installed_packages_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of many examples may ask for a name that nobody knows for each of them."""
    searched: list[str] = []
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: searched.append(group) or [])
    known: Registry[object] = Registry("thing", group="things.of_somebody")
    assert "nothing" not in known
    assert "nothing either" not in known
    assert list(known) == []
    assert searched == ["things.of_somebody"]


def test_overwriting_an_alias_gives_it_its_own_meaning() -> None:
    register_step_function(tempered, "logits", overwrite=True)
    assert STEP_FUNCTIONS.get("logits")(temperature=1.0) != Logit()
    assert STEP_FUNCTIONS.get("logit") is Logit


@pytest.mark.parametrize("key", ["spans", "span_aggregate"])
def test_a_map_to_a_function_is_told_the_names_at_once(key: str) -> None:
    with pytest.raises(SettingsError, match=r"with one of: .*absmax"):
        register_step_function(lambda prediction: prediction.logits, "by_product", aggregate_map={key: sum})
