"""The known answers, and whether a method gives them.

* ``copies``, ``copies (encoder-decoder)``: a model that repeats the token two places before and looks at nothing else.
  That token alone must have the highest score of each step, without regard to sign.
* ``adds up``, ``adds up (encoder-decoder)``: a model that adds its tokens up. Scores that carry a sign must go with
  what each token adds to the logit, in closed form: correlation 0.99. Asked of methods whose reference is the zero
  vector or nothing, with ``baseline="zero"`` where they have that setting.

A method that needs more of a model than these have (attention, layers) is not tested by them, and the verdict says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import msgspec
import numpy as np
from attrs import evolve, frozen

from wherefrom.arrays import FloatArray
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError, SettingsError, WherefromError
from wherefrom.evaluation.asking import token_scores
from wherefrom.evaluation.correlation import pearson
from wherefrom.methods.answers import is_signed
from wherefrom.methods.contract import METHODS, Method
from wherefrom.results.attribution import Attribution
from wherefrom.testing.known import Kind, linear_model, linear_share, shift_copy_model
from wherefrom.testing.reference import NumpyModel

SHIFT = 2
TEXT = "the cat saw a dog"
HIGHEST, CORRELATION = 1.0, 0.99


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one known answer."""

    method: str
    truth: str
    passed: bool | None
    """None: not tested."""
    value: float | None = None
    wanted: float | None = None
    """``passed`` is ``value >= wanted``."""
    why: str = ""
    """Why it was not tested, or what went wrong."""


@frozen(kw_only=True)
class Truth:
    """A model whose answer is known, and how near a method comes to it."""

    make: Callable[[Kind], NumpyModel]
    kind: Kind
    measure: Callable[[NumpyModel, Attribution], float]
    wanted: float
    needs_sum: bool = False


def _copied(model: NumpyModel, result: Attribution) -> float:
    scores = _scores_of(result, "source" if model.kind == "encoder-decoder" else "target")
    steps = np.arange(result.attr_pos_start, result.attr_pos_end)
    found = [np.flatnonzero(np.abs(scores[:, j]) == np.abs(scores[:, j]).max()) for j in range(len(steps))]
    asked = [
        (one, step - SHIFT) for one, step in zip(found, steps.tolist(), strict=True) if 0 <= step - SHIFT < len(scores)
    ]
    return float(np.mean([len(one) == 1 and one[0] == copied for one, copied in asked]))


def _added(model: NumpyModel, result: Attribution) -> float:
    steps = list(range(result.attr_pos_start, result.attr_pos_end))
    ids = [result.target[step].id for step in steps]
    network: Any = model.network
    sides = {"target": (network.own, result.target)}
    if model.kind == "encoder-decoder":
        sides["source"] = (network.cross, result.source)
    given, known = [], []
    for side, (weights, tokens) in sides.items():
        table = model.table[[token.id for token in tokens]]
        share: FloatArray = linear_share(model, weights, table, steps, ids).sum(axis=2)
        special = np.array([token.special for token in tokens], dtype=bool)
        visible = np.ones(share.shape, bool) if side == "source" else result.target_visible
        seen = visible & ~special[:, None]
        given.append(_scores_of(result, side)[seen])
        known.append(share[seen])
    return pearson(np.concatenate(given), np.concatenate(known))


def _scores_of(result: Attribution, side: str) -> FloatArray:
    sides = token_scores(result)
    if side not in sides:
        raise InputError(f"It gives no scores of the {side}.")
    return sides[side]


def _copying(kind: Kind) -> NumpyModel:
    return shift_copy_model(kind, shift=SHIFT)


TRUTHS: dict[str, Truth] = {
    "copies": Truth(make=_copying, kind="decoder-only", measure=_copied, wanted=HIGHEST),
    "copies (encoder-decoder)": Truth(make=_copying, kind="encoder-decoder", measure=_copied, wanted=HIGHEST),
    "adds up": Truth(make=linear_model, kind="decoder-only", measure=_added, wanted=CORRELATION, needs_sum=True),
    "adds up (encoder-decoder)": Truth(
        make=linear_model, kind="encoder-decoder", measure=_added, wanted=CORRELATION, needs_sum=True
    ),
}


def verify(method: str | Method | type[Method], *, truths: Sequence[str] | None = None) -> list[Verdict]:
    """Put one method to the known answers.

    Args:
        method: A name, an object with its settings, or a class.
        truths: Names of `TRUTHS`; None: all.
    """
    thing: Any = METHODS.get(method) if isinstance(method, str) else method
    made: Any = thing() if isinstance(thing, type) else thing
    return [_verdict(made, name, TRUTHS[name]) for name in truths or TRUTHS]


def verify_all() -> list[Verdict]:
    """Every registered method on every known answer."""
    return [one for name in METHODS for one in verify(name)]


def _verdict(method: Any, name: str, truth: Truth) -> Verdict:
    label = str(method.identifier)
    model = truth.make(truth.kind)
    lacking = [need.__name__ for need in method.needs if not isinstance(model, need)]
    if lacking:
        return Verdict(method=label, truth=name, passed=None, why=f"needs {', '.join(lacking)}")
    if truth.needs_sum and (why := _adds_nothing(method)):
        return Verdict(method=label, truth=name, passed=None, why=why)
    try:
        result = _explained(AttributionModel(model), _from_zero(method) if truth.needs_sum else method)
        value = truth.measure(model, result)
    except SettingsError as error:
        if truth.needs_sum:
            return Verdict(method=label, truth=name, passed=None, why=f"not from zero: {str(error).splitlines()[0]}")
        raise
    except WherefromError as error:
        return Verdict(method=label, truth=name, passed=False, wanted=truth.wanted, why=str(error).splitlines()[0])
    return Verdict(
        method=label,
        truth=name,
        passed=bool(value >= truth.wanted),
        value=None if np.isnan(value) else value,
        wanted=truth.wanted,
    )


def _adds_nothing(method: Any) -> str:
    """Why a method's scores need not add up to the target function; empty if they should."""
    if not is_signed(method):
        return "its scores carry no sign"
    if not method.uses_target_function:
        return "it explains something of its own, not the target function"
    if any(stage.settings.get("aggregate_fn") == "vnorm" for stage in method.aggregation):
        return "its scores are gradients, which add up to nothing"
    return ""


def _from_zero(method: Any) -> Any:
    """The method with the zero vector as its baseline, where it has one."""
    if any(one.name == "baseline" for one in attrs.fields(type(method))):
        return evolve(method, baseline="zero")
    if any(one.name == "method" for one in attrs.fields(type(method))):
        return evolve(method, method=_from_zero(method.method))
    return method


def _explained(model: AttributionModel, method: Any) -> Attribution:
    if method.uses_target_function:
        model.attributed_fn = "logit"
    source = model.adapter.card.kind == "encoder-decoder"
    return model.attribute(
        TEXT,
        method=method,
        generation_args={"max_new_tokens": 3 if source else SHIFT},
        attr_pos_start=SHIFT if source else None,  # before, there is nothing to copy
        show_progress=False,
    )[0]
