"""Backward passes with rules: the same values, and for some operations something else than their derivative.

Norms are found by what they do (`frozen_norm`), attention as it runs (`attention_operations`), activations by trying,
gates as products of two tensors that both depend on the input. Each rule changes the graph of the forward pass; the
backward pass is then an ordinary one, batched over outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from wherefrom.adapters import Row, RowGradients, Side
from wherefrom.adapters.gradient_rules import GradientRules
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.inside.attention_operations import AttentionOperations, Multiply
from wherefrom_hf.inside.frozen_norm import freeze
from wherefrom_hf.inside.layers import batches
from wherefrom_hf.inside.pausing import is_variable
from wherefrom_hf.inside.rescale_rules import is_activation, named_functions, with_slope
from wherefrom_hf.running.constants import constant_weights
from wherefrom_hf.running.derivatives import true_derivatives
from wherefrom_hf.running.eager import attention_implementation
from wherefrom_hf.running.parts import parts_of
from wherefrom_hf.running.precision import at_least_single
from wherefrom_hf.running.predict import Predictor, scores_of
from wherefrom_hf.running.probe import looking_into, need_same
from wherefrom_hf.running.whole_pass import run_whole

ELEMENTWISE = frozenset(
    named_functions(
        "gelu silu sigmoid tanh exp softplus erf elu celu selu mish logsigmoid expm1 relu relu6 leaky_relu hardtanh "
        "hardsigmoid hardswish clamp clamp_min clamp_max clip"
    )
)
ELEMENTWISE_PRODUCTS = frozenset(
    [torch.mul, torch.multiply, Tensor.mul, Tensor.multiply, Tensor.__mul__, Tensor.__rmul__, Tensor.__imul__]
)
NORMALISING = frozenset(named_functions("rsqrt layer_norm rms_norm group_norm normalize norm"))
"""What a norm does that is no module of its own."""


def ruled_gradients(
    predictor: Predictor, rows: Iterable[Row], rules: GradientRules, chunk: int | None, target: bool
) -> Iterator[RowGradients]:
    """See `wherefrom.adapters.gradient_rules.FollowsGradientRules.ruled_gradients`."""
    module = predictor.module
    predictor.probe.need_places()
    predictor.probe.warn_of_other_lookups()
    need_same(predictor.probe, "eager")
    for some in batches(predictor, rows, chunk):
        with attention_implementation(module, "eager"), torch.enable_grad(), looking_into(module):
            with following(module, rules) as operations:
                run = run_whole(predictor, some, parts=None)
            if not rules.plain:
                operations.need_attention_everywhere()
                operations.need_pairs()
        values, output_gradients = run.evaluated()
        wanted: dict[Side, Tensor] = {
            side: leaf for side, leaf in run.leaves.of.items() if side == "source" or target or len(run.leaves.of) == 1
        }
        with true_derivatives(module):
            pulled = run.products([(run.states, run.at_states(output_gradients))], wanted, len(some))
        logits = run.split(at_least_single(run.logits).detach())
        for row, value, own, grads in zip(some, values, logits, pulled, strict=True):
            assert row.target_function is not None
            into_target = grads.get("target")
            yield RowGradients(
                values=row.target_function.grouped(value),
                target=None if into_target is None else at_least_single(into_target),
                source=at_least_single(grads["source"]) if "source" in grads else None,
                scores=scores_of(row, own),
            )


class _Share(torch.autograd.Function):
    """Passes back a share of the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, share: float) -> Tensor:
        ctx.share = share
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return ctx.share * gradient, None


def shared(x: Any, share: float) -> Any:
    """``x``, of whose gradient a share is passed back."""
    return x if share == 1 or not is_variable(x) else _Share.apply(x, share)


def held_ratio(x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """``x · held(function(x) / x)``; the value itself, held, where ``function(0)`` is not 0.

    Args:
        function: Works element by element.
    """
    with torch.no_grad():
        value = function(x.detach())
    ratio = ratio_of(x.detach(), value, function)
    return value if ratio is None else with_slope(value, ratio * x)


def ratio_of(x: Tensor, value: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor | None:
    """``value / x``, where ``x`` is 0 the derivative there; None where ``function(0)`` is not 0.

    Args:
        value: ``function(x)``.
        function: Works element by element.
    """
    origin = x.new_zeros(1).requires_grad_()
    with torch.enable_grad():
        at_origin = function(origin)
    if float(at_origin.detach().abs()) > 0:
        return None
    (derivative,) = (
        torch.autograd.grad(at_origin.sum(), origin) if at_origin.requires_grad else (torch.zeros_like(origin),)
    )
    none = x == 0
    return torch.where(none, derivative, value / torch.where(none, 1.0, x))


class _Ruled(AttentionOperations):
    """One forward pass under rules."""

    def __init__(self, module: Any, rules: GradientRules) -> None:
        super().__init__(module)
        self.rules = rules
        self._norms: dict[nn.Module, bool] = {}
        self._products = 0
        self._weighted = 0

    def softmax(self, compute: Callable[[Tensor], Tensor], scores: Tensor, dim: int) -> Tensor:
        """Held, or differentiated at another temperature."""
        if self.rules.hold_weights:
            return compute(scores.detach())
        temperature = self.rules.softmax_temperature
        if temperature == 1:
            return compute(scores)
        return with_slope(compute(scores.detach()), temperature * compute(scores / temperature))

    def weighted(self, multiply: Multiply, weights: Tensor, values: Tensor) -> Tensor:
        """A share into the values."""
        self._weighted += 1
        return multiply(weights, shared(values, self.rules.value_share))

    def product(self, multiply: Multiply, left: Tensor, right: Tensor) -> Tensor:
        """A share into queries and keys."""
        self._products += 1
        return multiply(shared(left, self.rules.query_key_share), shared(right, self.rules.query_key_share))

    def other(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Activations and gates that are no modules; norms that are none are refused."""
        rules = self.rules
        if rules.hold_activations and func in ELEMENTWISE and args and is_variable(args[0]):
            rest = {name: value for name, value in kwargs.items() if name != "inplace"}
            return held_ratio(args[0], lambda x: func(x, *args[1:], **rest))
        if rules.gate_share != 1 and func in ELEMENTWISE_PRODUCTS and all(map(is_variable, args[:2])):
            return torch.mul(shared(args[0], rules.gate_share), shared(args[1], rules.gate_share))
        if rules.hold_norms and func in NORMALISING and args and is_variable(args[0]):
            raise ModelCapabilityError(
                f"{self.innermost} normalises by itself, in no module of its own, so its norm cannot be held. "
                "Use input_x_gradient, layer_gradient_x_activation(depth=0.5) or attention_gradient_rollout."
            )
        return func(*args, **kwargs)

    def need_pairs(self) -> None:
        """Refuse models in which other products than those of queries and keys were met.

        Raises:
            ModelCapabilityError: As it says.
        """
        if self.rules.query_key_share != 1 and self._products != self._weighted:
            raise ModelCapabilityError(
                f"{type(self.module).__name__} multiplies {self._products} pairs of tensors where it attends "
                f"{self._weighted} times, so queries and keys cannot be told. Use input_x_gradient or libra."
            )

    def before_norm(self, part: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Hook: a module that may be a norm begins."""
        if self.is_norm(part, inputs, named):
            self.paused += 1

    def after_norm(self, part: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], output: Any) -> Any:
        """Hook: it ended; if it is a norm, its statistics are held."""
        if not self.is_norm(part, inputs, named):
            return None
        self.paused -= 1
        if not self.rules.hold_norms:
            return None
        (given,) = inputs
        norm = freeze(part, given.detach(), output.detach())
        if norm is None:
            raise ModelCapabilityError(f"{type(part).__name__} is a norm in one place and none in another.")
        slope = norm.linear(given.reshape(-1, given.shape[-1])).reshape(given.shape)
        return with_slope(output, slope.to(output.dtype))

    def is_norm(self, part: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> bool:
        """Found by trying, the first time that a module is given something."""
        if len(inputs) != 1 or named or not is_variable(inputs[0]):
            return False
        if part not in self._norms:
            given = inputs[0].detach()
            with torch.no_grad():
                output = part.forward(given)
            self._norms[part] = isinstance(output, Tensor) and freeze(part, given, output) is not None
        return self._norms[part]

    def before_activation(self, part: nn.Module, inputs: Any) -> None:
        """Hook: an activation begins."""
        self.paused += 1

    def after_activation(self, part: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        """Hook: it ended, one function however it is written."""
        self.paused -= 1
        if self.rules.hold_activations and len(inputs) == 1 and is_variable(inputs[0]):
            return held_ratio(inputs[0], part.forward)
        return None


@contextmanager
def following(module: Any, rules: GradientRules) -> Iterator[_Ruled]:
    """Within the block, forward passes of ``module`` make graphs whose backward passes follow ``rules``.

    Parameters are constants.
    """
    operations = _Ruled(module, rules)
    with ExitStack() as stack:
        if rules.plain:
            yield operations
            return
        stack.enter_context(constant_weights(module))
        for part in parts_of(module):
            if is_activation(part):  # one function each, norms too: what they are written with is no gate
                stack.callback(part.register_forward_pre_hook(operations.before_activation).remove)
                stack.callback(part.register_forward_hook(operations.after_activation).remove)
            elif may_be_norm(part):
                stack.callback(part.register_forward_pre_hook(operations.before_norm, with_kwargs=True).remove)
                stack.callback(part.register_forward_hook(operations.after_norm, with_kwargs=True).remove)
        stack.enter_context(operations.active())
        yield operations


def may_be_norm(part: nn.Module) -> bool:
    """Has it no parts, and no weights but vectors? What cannot be a norm is not tried."""
    if any(True for _ in part.children()) or isinstance(part, nn.Dropout | nn.Identity):
        return False
    return all(parameter.ndim <= 1 for parameter in part.parameters())
