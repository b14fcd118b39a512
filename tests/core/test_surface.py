"""The public surface: everything in ``__all__`` is there, and nothing public is missing from it."""

from __future__ import annotations

import ast
import importlib
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
import wherefrom
from wherefrom.errors import UnknownAttributeError, UsageError
from wherefrom.testing import reference

PACKAGES = (
    "wherefrom",
    "wherefrom.adapters",
    "wherefrom.context",
    "wherefrom.files",
    "wherefrom.methods",
    "wherefrom.results",
    "wherefrom.results.aggregators",
    "wherefrom.step_functions",
    "wherefrom.testing",
)


def imported(source: str) -> set[str]:
    """Public names that a module's top level imports, for type checkers too, under the names they get."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wherefrom"):
            names |= {alias.asname or alias.name for alias in node.names}
    return {name for name in names if not name.startswith("_")}


def missing(module: ModuleType, source: str) -> set[str]:
    """Public names that the module imports and does not list."""
    return imported(source) - set(module.__all__) - {"late"}


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_complete(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert not missing(module, Path(module.__file__).read_text("utf-8"))
    assert len(module.__all__) == len(set(module.__all__))
    for public in module.__all__:
        assert hasattr(module, public), f"{name}.{public} is listed and not there"


def test_a_name_that_is_not_listed_is_seen() -> None:
    module = ModuleType("example")
    module.__all__ = ["load"]  # type: ignore[attr-defined]
    assert missing(module, "from wherefrom.files import load, save\nfrom wherefrom._late import late") == {"save"}


def test_the_version_is_that_of_the_distribution() -> None:
    assert wherefrom.__version__ == version("wherefrom")


def test_a_name_that_is_nowhere_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        wherefrom.no_such_thing  # noqa: B018


def model() -> wherefrom.AttributionModel:
    return wherefrom.load_model(reference.ReferenceModel())


@pytest.mark.parametrize("name", ["set_attributed_fn", "atributed_fn", "attribution_method", "anything"])
def test_a_model_refuses_attributes_that_change_nothing(name: str) -> None:
    with pytest.raises(UnknownAttributeError, match=name) as caught:
        setattr(model(), name, "logit")
    assert isinstance(caught.value, UsageError)
    assert isinstance(caught.value, AttributeError)
    assert "attributed_fn" in str(caught.value)


def test_a_models_defaults_can_be_set() -> None:
    one = model()
    one.attributed_fn = "logit"
    out = one.attribute("a b", "a b c", method="saliency", show_progress=False)
    assert out.provenance.attributed_fn["name"] == "logit"


def test_a_model_encodes_decodes_and_says_where_it_is() -> None:
    one = model()
    encoding = one.encode("the cat sat")
    assert one.decode(encoding.ids).strip() == "the cat sat"
    assert one.device == one.adapter.card.device


def test_a_model_that_wraps_nothing_says_so() -> None:
    with pytest.raises(UnknownAttributeError, match="wraps no model"):
        model().tokenizer  # noqa: B018
    assert not hasattr(model(), "module")


def test_context_is_a_verb_of_the_model() -> None:
    one = wherefrom.load_model("demo:lm", "saliency")
    texts = ("His colleagues asked him to come", "George was sick yesterday.")
    given = one.attribute_context(*texts, output=" and he came.")
    asked = wherefrom.attribute_context(one, *texts, output=" and he came.")
    assert given.output_current_tokens == asked.output_current_tokens
    assert given.cti_scores == asked.cti_scores
    assert one.tokenizer is one.adapter.tokenizer  # type: ignore[attr-defined]
    assert one.module is one.adapter.module  # type: ignore[attr-defined]
