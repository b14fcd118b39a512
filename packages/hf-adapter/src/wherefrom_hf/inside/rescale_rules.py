"""DeepLIFT's rescale rule for any torch code: multipliers ride on autograd.

Two passes run as one batch, the real rows in the first half and their baselines in the second. Within `rescale_rule`
every non-linear operation on values that are differentiated computes what it always does, but its local derivative is
replaced by the slope of the chord between the two halves. An ordinary backward pass through the first half then chains
multipliers instead of derivatives.

============================  ==================================================================================
operation                     what it passes on
============================  ==================================================================================
one-argument functions        ``(f(x) − f(b)) / (x − b)``; the derivative half-way where ``x`` is next to ``b``
product, matrix product       to each factor the mean of the other: ``Δ(uv) = Δu · mean(v) + Δv · mean(u)``, exactly
quotient                      product with the reciprocal
softmax, log-sum-exp          exponential of ``z − logsumexp(z)``, the latter by logarithmic means
largest, smallest of a row    to that of either half, so much that both shares make up the change
norms                         their gradient, averaged along the line between the halves, in closed form
============================  ==================================================================================

Everything else is linear and needs no rule. What cannot be followed so is passed through whole (`secants`). Values
change by rounding only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.inside.pausing import Answer, PausingMode, is_variable
from wherefrom_hf.running.constants import constant_weights
from wherefrom_hf.running.parts import parts_of
from wherefrom_hf.running.precision import HALF
from wherefrom_hf.running.trials import Trial

Function = Callable[..., Any]


class UnpairedError(ValueError):
    """What is differentiated does not hold rows in its first half and their baselines in the second."""


def halves(values: Tensor) -> tuple[Tensor, Tensor]:
    """The real rows and their baselines, detached.

    Raises:
        UnpairedError: They cannot be told apart.
    """
    if len(values) % 2:
        raise UnpairedError(f"states of shape {tuple(values.shape)} are not rows and as many baselines")
    first, second = values.detach().chunk(2, dim=0)
    return first, second


def both(values: Tensor) -> Tensor:
    """The same for both halves."""
    return torch.cat([values, values], dim=0)


def with_slope(value: Tensor, *parts: Tensor) -> Tensor:
    """``value``, differentiated as if it were the sum of ``parts``."""
    answer = value.detach()
    for part in parts:
        known = part.detach()
        step = part - known
        if not bool(known.isfinite().all()):  # what is infinite (a mask) has no slope
            step = torch.where(known.isfinite(), step, 0.0)
        answer = answer + step
    return answer


def finite(values: Tensor) -> Tensor:
    """Zero in place of what is no number or infinite: a factor that passes nothing on."""
    return values.nan_to_num(0.0, 0.0, 0.0)


def chord(x: Tensor, function: Function, near: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """``function(x)`` with the slope of the chord between the halves.

    Args:
        function: Works element by element.
        near: Where the halves are too close for a difference of values: the derivative half-way is taken.
    """
    with torch.no_grad():
        value = function(x.detach())
    real, base = halves(x)
    at_real, at_base = halves(value)
    with torch.enable_grad():
        middle = ((real + base) / 2).requires_grad_()
        (tangent,) = torch.autograd.grad(function(middle).sum(), middle)
    close = near(real, base) | (real == base)  # two equal infinities are no distance apart
    slope = torch.where(close, tangent, (at_real - at_base) / torch.where(close, 1.0, real - base))
    return with_slope(value, both(finite(slope)) * x)


def _close(real: Tensor, base: Tensor) -> Tensor:
    """Close enough that a difference of values would lose more digits than the derivative half-way is off."""
    reach = torch.finfo(real.dtype).eps ** (1 / 3)
    return (real - base).abs() <= reach * (1 + (real.abs() + base.abs()) / 2)


def _close_to_size(real: Tensor, base: Tensor) -> Tensor:
    reach = torch.finfo(real.dtype).eps ** (1 / 3)
    return (real - base).abs() <= reach * (real.abs() + base.abs()) / 2


def _same(real: Tensor, base: Tensor) -> Tensor:
    return real == base


def product(u: Any, v: Any, multiply: Function = torch.mul) -> Any:
    """A product that is linear in both factors."""
    if not (is_variable(u) and is_variable(v)):
        return multiply(u, v)
    with torch.no_grad():
        value = multiply(u.detach(), v.detach())
        mean_u, mean_v = (both(finite(torch.add(*halves(factor)) / 2)) for factor in (u, v))
    return with_slope(value, multiply(u, mean_v), multiply(mean_u, v))


def square(x: Tensor) -> Tensor:
    """``x²``: passes on the sum of both values."""
    real, base = halves(x)
    answer = with_slope(x.detach() ** 2, both(real + base) * x)
    setattr(answer, SQUARE_OF, x)
    return answer


def power(x: Any, exponent: Any) -> Any:
    """``x`` to a constant power."""
    if is_variable(exponent):
        return chord(exponent, lambda e: torch.pow(x, e), _close)
    if exponent == 2:
        return square(x)
    if exponent == -1:
        return reciprocal(x)
    if exponent == -0.5:
        return rsqrt(x)
    if isinstance(exponent, int) and 0 < exponent < 8:
        real, base = halves(x)
        slope = sum(real**k * base ** (exponent - 1 - k) for k in range(exponent))
        return with_slope(x.detach() ** exponent, both(torch.as_tensor(slope)) * x)
    return chord(x, lambda t: torch.pow(t, exponent), _close_to_size)


def reciprocal(x: Tensor) -> Tensor:
    """``1 / x``."""
    real, base = halves(x)
    return with_slope(1 / x.detach(), both(-1 / (real * base)) * x)


def rsqrt(x: Tensor) -> Tensor:
    """``1 / √x``."""
    real, base = (part.sqrt() for part in halves(x))
    answer = with_slope(torch.rsqrt(x.detach()), both(-1 / (real * base * (real + base))) * x)
    if hasattr(x, MEAN_SQUARE_OF):
        setattr(answer, NORM_OF, getattr(x, MEAN_SQUARE_OF))
    return answer


def sqrt(x: Tensor) -> Tensor:
    """``√x``."""
    real, base = (part.sqrt() for part in halves(x))
    return with_slope(x.detach().sqrt(), both(1 / (real + base)) * x)


def quotient(u: Any, v: Any) -> Any:
    """``u / v``."""
    return product(u, reciprocal(v)) if is_variable(v) else torch.div(u, v)


SILENT = 80.0
"""So far below the largest, a logit counts for nothing in single precision."""


def softmax(x: Tensor, dim: int = -1, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
    """Softmax along ``dim``; what is masked far below the largest value stays out of it."""
    x = x if dtype is None else x.to(dtype)
    logits, log_sum = _summed(x, dim)
    with torch.no_grad():
        value = torch.softmax(x.detach(), dim)
        logs = logits.detach() - logits.detach().logsumexp(dim, keepdim=True)
        log_real, log_base = halves(logs)
        slope = _mean_of_logs(log_real.exp(), log_base.exp(), log_real - log_base)
    return with_slope(value, both(slope) * (logits - log_sum))


def log_softmax(x: Tensor, dim: int = -1, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
    """Logarithm of the softmax along ``dim``."""
    x = x if dtype is None else x.to(dtype)
    logits, log_sum = _summed(x, dim)
    return with_slope(torch.log_softmax(x.detach(), dim), logits - log_sum)


def logsumexp(x: Tensor, dim: int | Sequence[int], keepdim: bool = False) -> Tensor:
    """Logarithm of the sum of exponentials along ``dim``."""
    (along,) = (dim,) if isinstance(dim, int) else dim
    value = torch.logsumexp(x.detach(), along, keepdim=True)
    found = with_slope(value, _summed(x, along)[1])
    return found if keepdim else found.squeeze(along)


def _summed(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Logits without what is masked, and what passes on for their log-sum-exp, kept as a dimension of 1.

    It passes on to each logit the logarithmic mean of its two exponentials, over that of the two sums.
    """
    with torch.no_grad():
        real, base = halves(x)
        top_real, top_base = real.amax(dim, keepdim=True), base.amax(dim, keepdim=True)
        # what is masked in both has no slope, and would spoil differences with its infinities
        heard = both((real > top_real - SILENT) | (base > top_base - SILENT))
        silence = both(torch.minimum(top_real, top_base) - SILENT)
    logits = torch.where(heard, x, silence)
    with torch.no_grad():
        real, base = halves(logits)
        log_sums = real.logsumexp(dim, keepdim=True), base.logsumexp(dim, keepdim=True)
        top = torch.maximum(*log_sums)
        share = _mean_of_logs((real - top).exp(), (base - top).exp(), real - base) / _mean_of_logs(
            (log_sums[0] - top).exp(), (log_sums[1] - top).exp(), log_sums[0] - log_sums[1]
        )
    return logits, (both(share) * logits).sum(dim, keepdim=True)


def _mean_of_logs(real: Tensor, base: Tensor, log_ratio: Tensor) -> Tensor:
    """The logarithmic mean ``(real − base) / log(real / base)`` of positive values; their mean where they meet."""
    close = log_ratio.abs() <= torch.finfo(real.dtype).eps ** (1 / 3)
    middle = (real + base) / 2
    return torch.where(close, middle, (real - base) / torch.where(close, 1.0, log_ratio))


def amax(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """The largest along ``dim``. Its change lies between those of the two places where a half is largest."""
    with torch.no_grad():
        real, base = halves(x)
        at_real, at_base = real.argmax(dim, keepdim=True), base.argmax(dim, keepdim=True)
        change = finite(real - base)
        first, second = change.gather(dim, at_real), change.gather(dim, at_base)
        whole = real.amax(dim, keepdim=True) - base.amax(dim, keepdim=True)
        apart = first - second
        weight = both(torch.where(apart > 0, (whole - second) / torch.where(apart > 0, apart, 1.0), 1.0))
        value = x.detach().amax(dim, keepdim=True)
    found = with_slope(value, weight * x.gather(dim, both(at_real)), (1 - weight) * x.gather(dim, both(at_base)))
    return found if keepdim else found.squeeze(dim)


def _amax(x: Tensor, *args: Any, **kwargs: Any) -> Any:
    dim = args[0] if args else kwargs.get("dim")
    if not isinstance(dim, int):
        return torch.amax(x, *args, **kwargs)
    return amax(x, dim, *args[1:], **{key: value for key, value in kwargs.items() if key != "dim"})


def _amin(x: Tensor, *args: Any, **kwargs: Any) -> Any:
    return -_amax(-x, *args, **kwargs)


def maximum(u: Tensor, v: Tensor) -> Tensor:
    """The larger of two, element by element: the largest of a row of two."""
    return amax(torch.stack(torch.broadcast_tensors(u, v), dim=-1), -1)


def minimum(u: Tensor, v: Tensor) -> Tensor:
    """The smaller of two, element by element."""
    return -maximum(-u, -v)


def _of_a_row_or_two(called: Function, of_a_row: Function, of_two: Function) -> Function:
    """The rule of ``torch.max`` or ``torch.min``, which are several functions."""

    def rule(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        other = args[0] if args else kwargs.get("other")
        if isinstance(other, Tensor):
            return of_two(x, other)
        answer = called(x, *args, **kwargs)
        if isinstance(answer, Tensor):  # of all numbers, the halves together
            return answer
        return type(answer)((of_a_row(x, *args, **kwargs), answer.indices))

    return rule


def normalised(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """``x / √(mean(x²) + eps)``: passes on its gradient averaged along the straight line between the halves.

    Taken apart into root and product, a norm would pass on enormous slopes of opposite signs wherever a baseline lies
    near zero. The average has a closed form: with ``p`` the point of the line nearest to the origin, ``Δ`` its
    direction and ``q = mean(x²) + eps`` along it, ``x = p + s sinh(t) Δ`` makes ``q`` proportional to ``cosh²(t)``.
    """
    count = 1
    for dim in dims:
        count *= x.shape[dim]
    exact = torch.float32 if x.device.type == "mps" else torch.float64
    with torch.no_grad():
        value = x.detach() * torch.rsqrt(x.detach().pow(2).mean(dims, keepdim=True) + eps)
        real, base = (part.to(exact) for part in halves(x))
        line = real - base
        a = line.pow(2).mean(dims, keepdim=True)
        middle = (real + base) / 2
        at_middle = middle.pow(2).mean(dims, keepdim=True) + eps
        short = a <= 1e-7 * at_middle
        a = torch.where(short, 1.0, a)
        start = -(base * line).mean(dims, keepdim=True) / a
        nearest = base + start * line
        s = ((nearest.pow(2).mean(dims, keepdim=True) + eps) / a).sqrt()
        t1, t0 = torch.asinh((1 - start) / s), torch.asinh(-start / s)
        root = a.sqrt()
        own = (t1 - t0) / root
        c0 = (t1.tanh() - t0.tanh()) / (root**3 * s**2)
        c1 = (1 / t0.cosh() - 1 / t1.cosh()) / (root**3 * s)
        c2 = (t1 - t0 - t1.tanh() + t0.tanh()) / root**3
        # next to each other, the gradient half-way is the average
        own = torch.where(short, at_middle.rsqrt(), own)
        nearest, line = torch.where(short, middle, nearest), torch.where(short, torch.zeros_like(line), line)
        c0 = torch.where(short, at_middle.rsqrt() ** 3, c0)
        own, c0, c1, c2, nearest, line = (both(part).to(x.dtype) for part in (own, c0, c1, c2, nearest, line))
    along_nearest = (nearest * x).sum(dims, keepdim=True) / count
    along_line = (line * x).sum(dims, keepdim=True) / count
    shrunk = nearest * (c0 * along_nearest + c1 * along_line) + line * (c1 * along_nearest + c2 * along_line)
    return with_slope(value, own * x - shrunk)


def layer_norm(
    x: Tensor,
    shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Layer norm over the last ``len(shape)`` dimensions."""
    dims = tuple(range(-len(shape), 0))
    scaled = normalised(x - x.mean(dims, keepdim=True), dims, eps)
    scaled = scaled if weight is None else scaled * weight
    return scaled if bias is None else scaled + bias


def rms_norm(x: Tensor, shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """RMS norm over the last ``len(shape)`` dimensions."""
    scaled = normalised(x, tuple(range(-len(shape), 0)), torch.finfo(x.dtype).eps if eps is None else eps)
    return scaled if weight is None else scaled * weight


# A norm written out, x * rsqrt(mean(x²) + eps), is recognised by what its parts were made of.

SQUARE_OF, MEAN_SQUARE_OF, NORM_OF = "_square_of", "_mean_square_of", "_inverse_norm_of"
WIDENED_FROM = "_widened_from"
"""In half precision the root may be made of other numbers than the product is (T5)."""


def _converting(called: Function) -> Function:
    """The rule of a function that may answer the same numbers in another type."""

    def rule(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        answer: Tensor = called(x, *args, **kwargs)
        if x.dtype in HALF and answer.dtype in (torch.float32, torch.float64):
            setattr(answer, WIDENED_FROM, x)
        return answer

    return rule


def _mean(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    answer = torch.mean(x, *args, **kwargs)
    dim = kwargs.get("dim", args[0] if args else None)
    if hasattr(x, SQUARE_OF) and dim in (-1, (-1,), [-1]) and answer.ndim == x.ndim:
        setattr(answer, MEAN_SQUARE_OF, (getattr(x, SQUARE_OF), 0.0))
    return answer


def _add(u: Any, v: Any, *args: Any, **kwargs: Any) -> Any:
    answer = torch.add(u, v, *args, **kwargs)
    for mean, eps in ((u, v), (v, u)):
        if hasattr(mean, MEAN_SQUARE_OF) and isinstance(eps, float) and not args and not kwargs:
            of, before = getattr(mean, MEAN_SQUARE_OF)
            setattr(answer, MEAN_SQUARE_OF, (of, before + eps))
    return answer


def _multiply(u: Any, v: Any) -> Any:
    for x, inverse in ((u, v), (v, u)):
        of, eps = getattr(inverse, NORM_OF, (None, 0.0))
        if of is not None and (of is x or getattr(of, WIDENED_FROM, None) is x):
            return normalised(of, (-1,), eps)
    return product(u, v)


def _layer_norm_call(
    x: Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any
) -> Tensor:
    return layer_norm(x, normalized_shape, weight, bias, eps)


def _rms_norm_call(x: Tensor, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    return rms_norm(x, normalized_shape, weight, eps)


def _baddbmm(base: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
    multiplied = product(batch1, batch2, torch.matmul) * alpha
    return multiplied if beta == 0 else base * beta + multiplied


def _einsum(equation: str, *operands: Any) -> Any:
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    if sum(is_variable(one) for one in operands) < 2:
        return torch.einsum(equation, *operands)
    if len(operands) != 2:
        raise ModelCapabilityError(
            f"The rescale rule knows einsum of two factors, not of {len(operands)} ({equation!r}). "
            "Use integrated_gradients, which needs no rules."
        )
    return product(*operands, multiply=lambda u, v: torch.einsum(equation, u, v))


def named_functions(names: str) -> Iterator[Function]:
    """The functions of these names wherever torch has them."""
    for name in names.split():
        for home in (torch, Tensor, functional, torch._C._nn):  # pyright: ignore[reportAttributeAccessIssue]
            called = getattr(home, name, None)
            if called is not None:
                yield called


def _elementwise(called: Function, near: Callable[[Tensor, Tensor], Tensor]) -> Function:
    def rule(x: Tensor, *args: Any, inplace: bool = False, **kwargs: Any) -> Tensor:
        return chord(x, lambda t: called(t, *args, **kwargs), near)

    return rule


def _rules() -> dict[Function, Function]:
    rules: dict[Function, Function] = {}
    for called in named_functions(
        "gelu silu sigmoid tanh exp softplus erf elu celu selu mish logsigmoid expm1 sin cos"
    ):
        rules[called] = _elementwise(called, _close)
    for called in named_functions("log log1p log2 log10"):
        rules[called] = _elementwise(called, _close_to_size)
    for called in named_functions(
        "relu relu6 leaky_relu abs clamp clamp_min clamp_max clip hardtanh hardsigmoid hardswish threshold"
    ):
        rules[called] = _elementwise(called, _same)
    for called in (Tensor.to, Tensor.type, Tensor.float):
        rules[called] = _converting(called)
    families: list[tuple[list[Any], Function]] = [
        ([torch.mul, torch.multiply, Tensor.mul, Tensor.multiply], _multiply),
        ([Tensor.__mul__, Tensor.__rmul__, Tensor.__imul__], _multiply),
        ([torch.mean, Tensor.mean], _mean),
        ([torch.add, Tensor.add, Tensor.__add__, Tensor.__radd__], _add),
        ([torch.div, torch.true_divide, Tensor.div, Tensor.__truediv__, Tensor.__itruediv__], quotient),
        ([Tensor.__rtruediv__, Tensor.__rdiv__], lambda v, u: quotient(u, v)),
        ([torch.pow, Tensor.pow, Tensor.__pow__], power),
        ([Tensor.__rpow__], lambda e, x: power(x, e)),
        ([torch.square, Tensor.square], square),
        ([torch.sqrt, Tensor.sqrt], sqrt),
        ([torch.rsqrt, Tensor.rsqrt], rsqrt),
        ([torch.reciprocal, Tensor.reciprocal], reciprocal),
        (
            [torch.matmul, torch.bmm, torch.mm, Tensor.matmul, Tensor.__matmul__, Tensor.bmm, Tensor.mm],
            lambda u, v: product(u, v, torch.matmul),
        ),
        ([torch.baddbmm, Tensor.baddbmm], _baddbmm),
        ([torch.einsum], _einsum),
        ([torch.softmax, functional.softmax, Tensor.softmax], softmax),
        ([torch.log_softmax, functional.log_softmax, Tensor.log_softmax], log_softmax),
        ([torch.amax, Tensor.amax], _amax),
        ([torch.amin, Tensor.amin], _amin),
        ([torch.maximum, Tensor.maximum], maximum),
        ([torch.minimum, Tensor.minimum], minimum),
        ([torch.max, Tensor.max], _of_a_row_or_two(torch.max, _amax, maximum)),
        ([torch.min, Tensor.min], _of_a_row_or_two(torch.min, _amin, minimum)),
        ([torch.logsumexp, Tensor.logsumexp], logsumexp),
        ([torch.layer_norm, functional.layer_norm], _layer_norm_call),
        ([torch.rms_norm, functional.rms_norm], _rms_norm_call),
    ]
    for called_by, rule in families:
        for called in called_by:
            rules[called] = rule
    return rules


RULES = _rules()
"""What torch calls a function, to the rule that stands in for it."""

PROBE = torch.tensor([-2.3, -0.7, 0.4, 1.1, 3.2])


def is_activation(part: nn.Module) -> bool:
    """Is the module a non-linear function of one argument, element by element? Found by trying, not by name."""
    if any(True for _ in part.children()) or part._parameters or part._buffers:
        return False
    with Trial(), torch.no_grad():
        together = part.forward(PROBE.clone())
        apart = torch.cat([part.forward(one.clone()) for one in PROBE.split(1)])
        same_kind = isinstance(together, Tensor) and together.shape == PROBE.shape
        return same_kind and torch.allclose(together, apart, atol=1e-6) and not torch.equal(together, PROBE)
    return False  # whatever else a module wants, it is no function of one tensor


class _Mode(PausingMode):
    """Hands calls that have a rule to it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        rule = None if self.paused else RULES.get(func)
        if rule is not None and any(map(is_variable, (*args, *_operands(args), *kwargs.values()))):
            first = () if args else (kwargs.pop("input"),)
            try:
                return rule(*first, *args, **kwargs)
            except UnpairedError as error:
                return _only_chosen_by(func(*first, *args, **kwargs), error)
        return func(*args, **kwargs)


def _only_chosen_by(answer: Any, unpaired: UnpairedError) -> Any:
    """An answer that no multiplier may pass: a model may choose by it (which keys it attends to, of one row)."""

    def refuse(_: Tensor) -> None:
        raise unpaired

    for one in answer if isinstance(answer, tuple) else (answer,):
        if is_variable(one):
            one.register_hook(refuse)
    return answer


def _operands(args: Any) -> Sequence[Any]:
    """Operands that come as a list behind an equation."""
    return args[1] if len(args) == 2 and isinstance(args[1], list | tuple) else ()


@contextmanager
def rescale_rule(module: nn.Module, whole: Iterable[nn.Module] = (), through: Answer | None = None) -> Iterator[None]:
    """Within the block, backward passes through ``module`` chain multipliers.

    Batches hold real rows in their first half and baselines in the second, in every tensor that is differentiated.
    Parameters are constants. Activation modules are one function each, however they are written.

    Args:
        whole: Parts that are not looked into: ``through`` gives their answers.
    """
    mode = _Mode()

    def answer(part: nn.Module, given: Tensor, _: Tensor) -> Tensor:
        return chord(given, part.forward, _same if isinstance(part, nn.ReLU | nn.LeakyReLU) else _close)

    with ExitStack() as stack:
        stack.enter_context(constant_weights(module))
        for part in parts_of(module):
            if is_activation(part):
                stack.enter_context(mode.within(part, answer))
        for part in whole:
            stack.enter_context(mode.within(part, through))
        stack.enter_context(mode)
        yield
