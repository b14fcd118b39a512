"""What asks a model is imported when somebody asks for it, and not by whoever opens a file."""

from __future__ import annotations

import subprocess
import sys

import pytest
import wherefrom
import wherefrom.context

ASKING = (
    "wherefrom.attribute",
    "wherefrom.methods.builtin",
    "wherefrom.methods.perturbation.ablation",
    "wherefrom.step_functions.builtin",
)


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import wherefrom", "import wherefrom.files", "from wherefrom import load, compare"])
def test_reading_results_loads_nothing_that_asks_a_model(code):
    assert not loaded_by(code) & set(ASKING)


def test_the_probe_can_fail():
    asking = "wherefrom.ablate; wherefrom.list_step_functions(); wherefrom.list_feature_attribution_methods()"
    assert set(ASKING) <= loaded_by(f"import wherefrom; wherefrom.load_model; {asking}")


@pytest.mark.parametrize("package", [wherefrom, wherefrom.context], ids=lambda package: package.__name__)
def test_every_public_name_is_there(package):
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # noqa: B018


@pytest.mark.parametrize("code", ["import wherefrom.context.attributing", "import wherefrom.methods.saliency"])
def test_a_name_is_the_same_whatever_was_imported_before(code):
    check = "assert callable(wherefrom.attribute_context) and callable(wherefrom.context.attribute_context)"
    check += "; assert len(wherefrom.list_feature_attribution_methods()) > 20"
    loaded_by(f"{code}; import wherefrom; {check}")


def test_a_method_registered_first_does_not_hide_those_that_come_with_the_package():
    code = (
        "from wherefrom.methods.contract import METHODS, list_feature_attribution_methods as listed;"
        "from wherefrom.errors import SettingsError;\n"
        "try: METHODS.register('saliency', object)\n"
        "except SettingsError: print('refused')\n"
        "print(len(listed()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    refused, count = done.stdout.split()
    assert refused == "refused"
    assert int(count) > 20


def test_names_are_listed():
    assert {"load_model", "methods", "load", "Attribution"} <= set(dir(wherefrom))
