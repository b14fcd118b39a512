"""Following an answer back through what was generated before it: the algebra, without tokens.

Every generated token was itself read off inputs before it. So the mass that an answer puts on a generated token is
passed on to what that token was read from, hop by hop, until it rests on an input that passes nothing on: a token of
the prompt or the source.

With ``A`` the non-negative scores (inputs x steps), every column divided by its sum, ``A_g`` the rows of generated
tokens that pass on and ``A_p`` the others, the mass at rest after ``H`` hops is ``A_p Σ_{h≤H} A_g^h w``, and what is
still on its way ``A_g^{H+1} w``. A token passes on to earlier ones only, so ``A_g`` is nilpotent, ``A_p (I − A_g)^{-1}
w`` is the end of it, and no mass is lost on the way.

Source:
    The hops are those of Pan et al. (2026), FlashTrace, https://arxiv.org/abs/2602.01914; on a whole matrix, exact and
    for any method, ours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from attrs import frozen

from wherefrom.arrays import BoolArray

Masses = npt.NDArray[np.float64]

ENOUGH = 1e-12
"""Mass on its way that counts as none."""
MOST_HOPS = 64
"""Hops of an exact solution that are told one by one; what comes later is told together."""


@frozen(kw_only=True, eq=False)
class Walk:
    """Where the mass of an answer went. Inputs are source rows, if any, then target rows."""

    columns: Masses
    """Shape ``(inputs, columns)``: mass at rest and mass on its way after so many hops. Each column sums to 1 minus
    what was lost until then."""
    labels: tuple[str, ...]
    """Of the columns: ``"0 hops"``, ``"1 hop"``, ..., or ``"all hops"``."""
    arrived: tuple[float, ...]
    """Mass that came to rest with exactly so many hops. An exact solution tells so many of them one by one
    (`MOST_HOPS`), and what came later as the last number."""
    missing: float
    """Mass still on its way after the last hop."""
    lost: float
    """Mass at steps that read nothing: all their scores are zero."""
    visits: Masses
    """Shape ``(inputs,)``: how much of the mass passed through each generated token. A token is passed at most once,
    so this is the share of the answer that went by way of it."""
    waiting: tuple[float, ...]
    """Per column: mass on its way."""


Reader = Callable[[Masses], Masses]
"""From mass on the inputs that pass on, shape ``(inputs,)``, to where it goes, shape ``(inputs,)``: the same mass, or
less where a step reads nothing."""


def hops_label(hops: int) -> str:
    """``"1 hop"``, ``"2 hops"``."""
    return f"{hops} hop" if hops == 1 else f"{hops} hops"


def walked(read: Reader, start: Masses, passes_on: BoolArray, hops: int) -> Walk:
    """Follow the mass for so many hops. Where none is on its way any more, nothing is read.

    Args:
        read: Where mass goes.
        start: Mass of the answer's own tokens, shape ``(inputs,)``; it sums to 1.
        passes_on: Which inputs pass on what reaches them, shape ``(inputs,)``.
        hops: How many, 0 or more; 0 reads the answer alone.
    """
    waiting, rest, visits = start, np.zeros(len(start)), np.zeros(len(start))
    columns, arrived, left, lost = [], [], [], 0.0
    for hop in range(hops + 1):
        if hop:
            visits = visits + waiting
        went = read(waiting) if waiting.sum() > ENOUGH else np.zeros(len(start))
        lost += float(waiting.sum() - went.sum())
        here = np.where(passes_on, 0.0, went)
        rest, waiting = rest + here, np.where(passes_on, went, 0.0)
        columns.append(rest + waiting)
        arrived.append(float(here.sum()))
        left.append(float(waiting.sum()))
    return Walk(
        columns=np.stack(columns, axis=1),
        labels=tuple(hops_label(hop) for hop in range(len(columns))),
        arrived=tuple(arrived),
        missing=left[-1],
        lost=max(lost, 0.0),
        visits=visits,
        waiting=tuple(left),
    )


def solved(matrix: Masses, first: int, start: Masses, passes_on: BoolArray) -> Walk:
    """Follow the mass to its end, by one triangular solve; beside it no hop at all.

    Args:
        matrix: Shape ``(inputs, steps)``; columns sum to 1 or are zero, and step ``t`` reads inputs before row
            ``first + t`` alone.
        first: Row of the first step.
        start: Mass of the answer's own tokens, shape ``(inputs,)``; it sums to 1.
        passes_on: Which inputs pass on what reaches them, shape ``(inputs,)``: steps alone.
    """
    read = matrix_reader(matrix, first)
    began = walked(read, start, passes_on, 0)
    told = walked(read, start, passes_on, min(MOST_HOPS, matrix.shape[1]))
    steps = matrix.shape[1]
    flows = start[first : first + steps].copy()
    ends = np.zeros(len(start))
    for step in range(steps - 1, -1, -1):  # whoever reads this step has been settled already
        went = matrix[:, step] * flows[step]
        ends += np.where(passes_on, 0.0, went)
        flows += np.where(passes_on, went, 0.0)[first : first + steps]
    visits = np.zeros(len(start))
    visits[first : first + steps] = flows - start[first : first + steps]
    arrived = [*told.arrived, float(ends.sum()) - sum(told.arrived)]
    return Walk(
        columns=np.stack([began.columns[:, 0], ends], axis=1),
        labels=(hops_label(0), "all hops"),
        arrived=tuple(arrived[: 1 + max(hop for hop, mass in enumerate(arrived) if mass > ENOUGH or hop == 0)]),
        missing=0.0,
        lost=max(1.0 - float(ends.sum()), 0.0),
        visits=visits,
        waiting=(began.waiting[0], 0.0),
    )


def matrix_reader(matrix: Masses, first: int) -> Reader:
    """Reads off a matrix whose steps are the inputs from row ``first`` on; see `solved`."""
    steps = matrix.shape[1]

    def read(masses: Masses) -> Masses:
        went: Masses = matrix @ masses[first : first + steps]
        return went

    return read


def reading_matrix(scores: Masses, visible: BoolArray, first: int) -> Masses:
    """Scores as a matrix to read off: what a step cannot see, and itself, left out; columns divided by their sums.

    A unit of several tokens sees its own first ones. That is no way to anywhere else, so it is left out.

    Args:
        scores: Non-negative, shape ``(inputs, steps)``.
        visible: Which cells exist.
        first: Row of the first step.
    """
    kept = np.where(visible, scores, 0.0)
    steps = np.arange(kept.shape[1])
    kept[first + steps, steps] = 0.0
    sums = kept.sum(axis=0)
    matrix: Masses = np.divide(kept, sums, out=np.zeros_like(kept), where=sums > 0)
    return matrix
