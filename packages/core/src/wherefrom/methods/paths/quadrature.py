"""Points and weights of integrals over the unit interval.

Integrated gradients average a gradient along a path. How many points that takes is a question of the rule: Gauss's
are exact for polynomials up to degree ``2n - 1``; Fejér's second and Clenshaw and Curtis's need about as few in
practice and are *nested*, so that a finer rule reuses every point of the coarser one and an integral can be refined
until it is good. Fejér's is *open* besides: the ends of the path are never evaluated. That matters at a baseline of
zero embeddings, where every root-mean-square norm divides by almost nothing and the gradient overflows.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from attrs import frozen

from wherefrom.arrays import FloatArray
from wherefrom.errors import SettingsError, nearest

Rule = Literal[
    "gausslegendre", "fejer", "clenshaw_curtis", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid"
]


@frozen(eq=False)
class Quadrature:
    """A rule on [0, 1]: the integral of f is about ``sum(weights * f(points))``."""

    points: FloatArray
    """Ascending, shape ``(n,)``."""
    weights: FloatArray
    """Sum to 1, shape ``(n,)``."""


def quadrature(rule: str, n: int) -> Quadrature:
    """The rule of that name with ``n`` points.

    ``riemann_*`` are the left, right and midpoint sums and the trapezoid rule; the latter's weights sum to 1.

    Raises:
        SettingsError: No rule has that name, or it cannot have so few points.
    """
    known = get_args(Rule)
    if rule not in known:
        raise SettingsError(f"No quadrature is called {rule!r}.{nearest(rule, known)} Known: {', '.join(known)}.")
    least = 2 if rule in ("clenshaw_curtis", "riemann_trapezoid") else 1
    if n < least:
        raise SettingsError(f"{rule} needs at least {least} points, not {n}.")
    if rule == "gausslegendre":
        points, weights = np.polynomial.legendre.leggauss(n)
        return Quadrature((1 + points) / 2, weights / 2)
    if rule == "fejer":
        return fejer(n)
    if rule == "clenshaw_curtis":
        return clenshaw_curtis(n - 1)
    if rule == "riemann_trapezoid":
        weights = np.full(n, 1 / (n - 1))
        weights[[0, -1]] /= 2
        return Quadrature(np.linspace(0, 1, n), weights)
    offset = {"riemann_left": 0.0, "riemann_middle": 0.5, "riemann_right": 1.0}[rule]
    return Quadrature((np.arange(n) + offset) / n, np.full(n, 1 / n))


def clenshaw_curtis(intervals: int) -> Quadrature:
    """Clenshaw and Curtis's rule with ``intervals + 1`` points, both ends included.

    The points of ``clenshaw_curtis(n)`` are every second point of ``clenshaw_curtis(2 * n)``.

    Source:
        Clenshaw & Curtis (1960), A method for numerical integration on an automatic computer; weights by the explicit
        cosine sum, see Waldvogel (2006), https://doi.org/10.1007/s10543-006-0045-4.
    """
    n = intervals
    k = np.arange(n + 1)
    j = np.arange(1, n // 2 + 1)
    coefficients = np.where(2 * j == n, 1.0, 2.0) / (4 * j**2 - 1)
    ends = np.where((k == 0) | (k == n), 1.0, 2.0)
    weights = ends / n * (1 - np.cos(2 * np.pi * np.outer(k, j) / n) @ coefficients)
    return Quadrature((1 - np.cos(np.pi * k / n)) / 2, weights / 2)


def fejer(n: int) -> Quadrature:
    """Fejér's second rule with ``n`` points of the open unit interval.

    The points of ``fejer(n)`` are every second point of ``fejer(2 * n + 1)``: 3, 7, 15, 31 and 63 points are a nested
    family.

    Source:
        Fejér (1933), Mechanische Quadraturen mit positiven Cotesschen Zahlen; weights by the explicit sine sum, see
        Waldvogel (2006), https://doi.org/10.1007/s10543-006-0045-4.
    """
    k = np.arange(1, n + 1)
    angles = np.pi * k / (n + 1)
    odd = 2 * np.arange(1, (n + 1) // 2 + 1) - 1
    sums = np.sin(np.outer(angles, odd)) @ (1.0 / odd)
    weights = 4 * np.sin(angles) / (n + 1) * sums
    return Quadrature((1 - np.cos(angles)) / 2, weights / 2)
