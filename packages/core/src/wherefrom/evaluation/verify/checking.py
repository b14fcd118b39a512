"""Put a method to the known answers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np

from wherefrom.errors import SettingsError, WherefromError, WherefromWarning
from wherefrom.evaluation.verify.contract import TRUTHS, NotTestedError, Verdict
from wherefrom.methods.contract import METHODS, AnyMethod, given_method
from wherefrom.progress import Progress, reported

GivenMethod: TypeAlias = "str | AnyMethod | type[AnyMethod]"
"""A name, an object with its settings, or a class."""


def verify(method: GivenMethod, *, truths: Sequence[str] | None = None) -> list[Verdict]:
    """Put one method to the known answers.

    Args:
        method: A name, an object with its settings, or a class.
        truths: Names of `TRUTHS`; None: all.

    Raises:
        UnknownNameError: No method or known answer has that name.
        SettingsError: It is no method.
    """
    thing = given_method(method)
    made: Any = thing() if isinstance(thing, type) else thing
    return [_verdict(made, name) for name in truths or TRUTHS]


def verify_all(
    methods: Sequence[GivenMethod] | Mapping[str, GivenMethod] | None = None,
    *,
    truths: Sequence[str] | None = None,
    show_progress: bool = True,
    progress: Progress | None = None,
) -> list[Verdict]:
    """Several methods on every known answer.

    Args:
        methods: By the names that the verdicts give them, or a list, named by what they are; None: every registered
            one but ``dummy``, which attributes nothing.
        truths: Names of `TRUTHS`; None: all.
        show_progress: Keep a line about progress on a terminal.
        progress: Called with (phase, done, total) instead.

    Raises:
        UnknownNameError: No method or known answer has that name.
        SettingsError: One is no method.
    """
    given = [name for name in METHODS if name != "dummy"] if methods is None else methods
    named: list[tuple[str | None, GivenMethod]] = (
        list(given.items()) if isinstance(given, Mapping) else [(None, one) for one in given]
    )
    found: list[Verdict] = []
    for truth in truths or ():
        TRUTHS.get(truth)
    with reported(show_progress, progress) as tell:
        for done, (name, one) in enumerate(named, start=1):
            verdicts = verify(one, truths=truths)
            found += verdicts if name is None else [msgspec.structs.replace(each, method=name) for each in verdicts]
            tell("verify", done, len(named))
    return found


def _verdict(method: Any, name: str) -> Verdict:
    label, truth = str(method.identifier), TRUTHS.get(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WherefromWarning)  # of rough samples: the number says what they do
            value = truth.value(method)
    except NotTestedError as error:
        return Verdict(method=label, truth=name, passed=None, why=str(error))
    except SettingsError as error:
        why = f"its settings do not fit: {str(error).splitlines()[0]}"
        return Verdict(method=label, truth=name, passed=None, why=why)
    except WherefromError as error:
        return Verdict(method=label, truth=name, passed=False, wanted=truth.wanted, why=str(error).splitlines()[0])
    return Verdict(
        method=label,
        truth=name,
        passed=bool(value >= truth.wanted),
        value=None if np.isnan(value) else value,
        wanted=truth.wanted,
    )
