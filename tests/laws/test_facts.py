"""Facts of methods, step functions, aggregators and metrics: given once, to the decorator that registers the class."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from attrs import frozen
from wherefrom._registry import Registry
from wherefrom.adapters import GivesGradients
from wherefrom.errors import SettingsError
from wherefrom.evaluation.contract import METRICS, Metric
from wherefrom.methods import METHODS, Method, Saliency
from wherefrom.methods.contract import Scores, method
from wherefrom.results.aggregation import AGGREGATORS, Aggregator
from wherefrom.results.attribution import Attribution
from wherefrom.results.provenance import Provenance
from wherefrom.step_functions import (
    STEP_FUNCTIONS,
    StepFunction,
    StepPrediction,
    register_step_function,
    step_function,
)
from wherefrom.step_functions.base import reads_contrast_alone
from wherefrom.text.tokens import Token
from wherefrom_viz.describe.description import describe

CORE = Path(__file__).parents[2] / "packages" / "core" / "src" / "wherefrom"
TABLES: dict[str, tuple[Registry[Any], type]] = {
    "method": (METHODS, Method),
    "step_function": (STEP_FUNCTIONS, StepFunction),
    "aggregator": (AGGREGATORS, Aggregator),
    "metric": (METRICS, Metric),
}


def facts_of(contract: type) -> set[str]:
    return {name for name in vars(contract).get("__annotations__", {}) if name != "__slots__"} | (
        {"span_aggregation"} if contract is StepFunction else set()
    )


def repeated(source: str) -> Iterator[str]:
    """Facts that a registered class states in its body."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            named = decorator.func if isinstance(decorator, ast.Call) else decorator
            if not (isinstance(named, ast.Name) and named.id in TABLES):
                continue
            known = facts_of(TABLES[named.id][1])
            for line in node.body:
                targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
                for target in targets:
                    if isinstance(target, ast.Name) and target.id in known:
                        yield f"{node.name}.{target.id}"


def test_no_registered_class_repeats_its_facts() -> None:
    found = {
        str(path.relative_to(CORE)): names
        for path in CORE.rglob("*.py")
        if (names := list(repeated(path.read_text("utf-8"))))
    }
    assert not found


def test_the_check_sees_a_repetition() -> None:
    body = "    identifier: ClassVar[str] = 'wrong'\n    signed = True\n    n: int = 1\n"
    source = "@method\n@frozen\nclass Wrong:\n" + body
    assert list(repeated(source)) == ["Wrong.identifier", "Wrong.signed"]


@pytest.mark.parametrize("kind", TABLES)
def test_every_registered_class_states_every_fact(kind: str) -> None:
    table, contract = TABLES[kind]
    facts = facts_of(contract)
    assert "identifier" in facts
    for name in table:
        missing = [fact for fact in facts if not hasattr(table.get(name), fact)]
        assert not missing, f"{kind} {name!r} does not state {missing}"
        assert table.get(name).identifier == name


def test_a_class_without_its_decorator_has_no_facts() -> None:
    @frozen
    class Bare(Method[GivesGradients]):
        def cost(self, question: Any) -> None: ...

        def attribute(self, model: GivesGradients, questions: Any, progress: Any) -> list[Scores]:
            return []

    assert not hasattr(Bare, "identifier")
    with pytest.raises(AttributeError, match=r"Bare does not state 'signed'.*decorator"):
        _ = Bare().signed


def test_a_class_with_facts_of_its_own_is_registered_as_before() -> None:
    """How classes were written before decorators took the facts."""

    @frozen
    class Own(Saliency):
        identifier: ClassVar[str] = "stated_in_the_body"

    try:
        assert method(Own) is Own
        assert METHODS.get("stated_in_the_body") is Own
        assert Own.needs == Saliency.needs
    finally:
        del METHODS._entries["stated_in_the_body"]


def test_a_step_function_has_one_identifier() -> None:
    with pytest.raises(SettingsError, match="one identifier"):

        @step_function("one", "another", differentiable=True, span_aggregation="sum")
        @frozen
        class Two(StepFunction):
            def __call__(self, prediction: StepPrediction, /) -> Any:
                return prediction.log_probability()


def test_a_class_registered_by_call_merges_spans_by_the_default() -> None:
    """Deriving from the Protocol is not stating how scores of a span become one."""

    @frozen
    class Derived(StepFunction):
        identifier: ClassVar[str] = "derived_from_the_protocol"

        def __call__(self, prediction: StepPrediction, /) -> Any:
            return prediction.log_probability()

    try:
        register_step_function(Derived)
        assert STEP_FUNCTIONS.get("derived_from_the_protocol")().span_aggregation == "absmax"
    finally:
        del STEP_FUNCTIONS._entries["derived_from_the_protocol"]


def test_every_method_that_leaves_the_target_function_aside_says_what_it_explains() -> None:
    for name in METHODS:
        kind = METHODS.get(name)
        assert kind.uses_target_function or kind.explains, name


@pytest.mark.parametrize(
    "method, asked, said",
    [
        ("alti_logit", "probability", "the logit of the token"),
        ("alti_logit", "contrast_logits_diff", "logit(token) - logit(contrast)"),
        ("saliency", "probability", "the probability of the token"),
        ("attention", "probability", "the state the token was predicted from"),
        ("context_cite", "logit", "the log-odds of the response"),
        ("of-elsewhere", "logit", "the logit of the token"),
    ],
)
def test_views_say_what_a_method_explains(method: str, asked: str, said: str) -> None:
    token = Token(id=0, piece="a", text="a", position=0)
    one = Attribution(
        source=(),
        target=(token,),
        attr_pos_start=0,
        attr_pos_end=1,
        target_attributions=np.zeros((1, 1)),
        method=method,
    )
    made = Provenance(attributed_fn={"name": asked})
    assert describe(one, made).words.of == said


def test_a_method_of_which_nothing_is_known_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    monkeypatch.setattr(METHODS, "_found", None)  # nobody has looked yet
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: searched.append(group) or [])
    token = Token(id=0, piece="a", text="a", position=0)
    one = Attribution(
        source=(), target=(token,), attr_pos_start=0, attr_pos_end=1, target_attributions=np.zeros((1, 1))
    ).replace(method="never-heard-of")
    for _ in range(3):
        describe(one)
    assert searched.count(METHODS.group) == 1, "a search of all that is installed, for each of many examples"


@pytest.mark.parametrize("name", [name for name in STEP_FUNCTIONS if STEP_FUNCTIONS.get(name).contrastive])
def test_who_reads_the_contrast_alone_says_so(name: str) -> None:
    """With a contrast that stays, another prediction changes the value of all but those."""
    rng = np.random.default_rng(0)
    one, other, third = rng.normal(size=(3, 4, 7))
    ids = np.arange(4)
    contrast = StepPrediction(logits=third, target_ids=ids + 1)
    function = STEP_FUNCTIONS.get(name)()
    before, after = (
        np.asarray(function(StepPrediction(logits=logits, target_ids=ids, contrast=contrast)))
        for logits in (one, other)
    )
    assert np.array_equal(before, after) == reads_contrast_alone(function)
