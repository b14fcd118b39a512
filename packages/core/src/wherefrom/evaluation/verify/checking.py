"""Put a method to the known answers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from wherefrom.errors import SettingsError, WherefromError, WherefromWarning
from wherefrom.evaluation.verify.contract import TRUTHS, NotTestedError, Verdict
from wherefrom.methods.contract import METHODS, AnyMethod, given_method
from wherefrom.progress import Progress, reported


def verify(method: str | AnyMethod | type[AnyMethod], *, truths: Sequence[str] | None = None) -> list[Verdict]:
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
    methods: Sequence[str | AnyMethod | type[AnyMethod]] | None = None,
    *,
    show_progress: bool = True,
    progress: Progress | None = None,
) -> list[Verdict]:
    """Several methods on every known answer.

    Args:
        methods: None: every registered one but ``dummy``, which attributes nothing.
        show_progress: Keep a line about progress on a terminal.
        progress: Called with (phase, done, total) instead.
    """
    chosen = [name for name in METHODS if name != "dummy"] if methods is None else list(methods)
    found = []
    with reported(show_progress, progress) as tell:
        for index, one in enumerate(chosen):
            found += verify(one)
            tell("verify", index + 1, len(chosen))
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
