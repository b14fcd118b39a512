"""Without the package of an adapter, loading says which one to install; of half an adapter, what it lacks."""

from __future__ import annotations

from typing import Any

import pytest
import wherefrom
from wherefrom._registry import Registry
from wherefrom.adapters import SequenceModel
from wherefrom.adapters.views import with_methods
from wherefrom.errors import MissingDependencyError, SettingsError, UnknownNameError
from wherefrom.loading import ADAPTERS
from wherefrom.testing import ConformanceError, NumpyModel, ReferenceModel, check_adapter, checks_for, only

from tests.registered import nothing_stays

MEMBERS = ("card", "decode", "encode", "generate", "predict", "tokens")


def _with_only(*kept: str) -> Any:
    return with_methods(ReferenceModel(), None, set(kept))


def _silenced() -> Any:
    model = _with_only(*MEMBERS)
    type(model).tokens = None
    return model


HALVES = {
    "without generate": (_with_only("card", "decode", "encode", "predict", "tokens"), "lacks generate"),
    "without decode": (_with_only("card", "encode", "generate", "predict", "tokens"), "lacks decode"),
    "without a card": (_with_only("decode", "encode", "generate", "predict", "tokens"), "lacks card"),
    "tokens are None": (_silenced(), "lacks tokens"),
    "a card alone": (_with_only("card"), "lacks decode, encode, generate, predict, tokens"),
    "a class": (NumpyModel, r"NumpyModel.* class.* Give NumpyModel\(\.\.\.\)"),
}


@pytest.mark.parametrize("name", HALVES)
def test_half_an_adapter_is_told_what_it_lacks(name: str) -> None:
    half, said = HALVES[name]
    with pytest.raises(SettingsError, match=said):
        wherefrom.load_model(half)
    for kit in (check_adapter, checks_for):
        with pytest.raises(ConformanceError, match=said):
            kit(half)


def test_what_only_predicts_is_half_an_adapter_for_the_kit() -> None:
    with pytest.raises(ConformanceError, match="it lacks predict"):
        check_adapter(only(ReferenceModel(), SequenceModel))


@pytest.mark.parametrize("model", ["anything", str, 3, _with_only("generate", "predict")])
def test_what_is_no_half_of_an_adapter_goes_on_to_the_framework(model: Any) -> None:
    with nothing_stays():
        ADAPTERS.register("mine", lambda model, **given: ReferenceModel())
        assert wherefrom.load_model(model, framework="mine").framework == "mine"


def test_loading_without_the_transformers_adapter_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "_entry_points", lambda self: [])
    monkeypatch.setattr("wherefrom.loading.ADAPTERS._entries", {})
    with pytest.raises(MissingDependencyError, match="pip install wherefrom-hf"):
        wherefrom.load_model("demo:lm", "saliency")
    with pytest.raises(UnknownNameError, match="nonsense"):
        wherefrom.load_model("demo:lm", "saliency", framework="nonsense")
