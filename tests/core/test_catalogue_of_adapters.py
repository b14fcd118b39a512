"""What installed adapters say of themselves, also where one says it wrongly."""

from __future__ import annotations

import sys
import types
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from wherefrom.adapters import PredictsSteps, SequenceModel, catalogue
from wherefrom.errors import WherefromWarning

NAMES = ("SequenceModel", "PredictsSteps")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a package's list an installed one, beside a right one."""

    def install(gives: Any) -> None:
        module = types.ModuleType("somebodys_capabilities")
        module.GIVES, module.RIGHT = gives, NAMES  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "somebodys_capabilities", module)
        points = [
            EntryPoint(name, f"somebodys_capabilities:{where}", catalogue.GROUP)
            for name, where in (("another", "RIGHT"), ("mine", "GIVES"))
        ]
        monkeypatch.setattr(catalogue, "entry_points", lambda group: points)

    return install


@pytest.mark.parametrize(
    "gives", [NAMES, list(NAMES), (SequenceModel, PredictsSteps)], ids=["names", "list", "classes"]
)
def test_protocols_are_told_by_name_or_as_they_are(installed: Any, gives: Any) -> None:
    installed(gives)
    assert catalogue.capabilities() == {"another": NAMES, "mine": NAMES}


@pytest.mark.parametrize("gives", [("SequenceModel", 3), "SequenceModel", None, 3], ids=repr)
def test_one_list_that_is_none_hides_no_other(installed: Any, gives: Any) -> None:
    installed(gives)
    with pytest.warns(
        WherefromWarning, match=r"'mine' gives is not known: somebodys_capabilities:GIVES should be a tuple"
    ):
        assert catalogue.capabilities() == {"another": NAMES}
    with pytest.warns(WherefromWarning, match="'mine'"):
        assert catalogue.frameworks_that_give([PredictsSteps]) == ["another"]


def test_a_list_that_cannot_be_loaded_hides_no_other(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(NAMES)
    monkeypatch.delattr("somebodys_capabilities.GIVES")
    with pytest.warns(WherefromWarning, match="it ended in AttributeError"):
        assert catalogue.capabilities() == {"another": NAMES}
