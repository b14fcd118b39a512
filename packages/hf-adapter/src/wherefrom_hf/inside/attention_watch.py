"""See attention at work: weights, values and outputs of every attention module, as one forward pass
computes them.

Nothing here knows a model class. Modules that ask transformers' attention interface for their kernel are
given one that computes as the model's own plain version does and tells what it computed. Modules that
compute attention by themselves are watched while they do it: a softmax followed by a product with its
result is attention, in whatever module it runs. Blocks are the members of the outermost module lists that
attention runs in; an output projection is the module that reads exactly what attention gave. Everything is
undone when the ``with`` block ends, also by an error.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from attrs import define, field
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel
from wherefrom.adapters.internals import Where
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.running.attention_kernel import Kernel, hidden_input, observed_by
from wherefrom_hf.running.stacks import outermost_lists


@define(eq=False)
class Attended:
    """One attention computation. Leading axis: rows of the batch."""

    module: nn.Module
    name: str
    block: int
    """Index of its block within the stack; also the layer."""
    stack: str
    """Name of the module list that the block is a member of."""
    weights: Tensor
    """Post-softmax, shape ``(rows, heads, queries, keys)``."""
    values: Tensor
    """Shape ``(rows, key/value heads, keys, size of a head)``."""
    context: Tensor
    """Weighted values, shape ``(rows, queries, heads, size of a head)``."""
    where: Where = "decoder"
    projection: nn.Module | None = None
    """The module that reads ``context``, heads side by side."""
    projected: Tensor | None = None
    """What it gave, shape ``(rows, queries, width)``."""
    state: Tensor | None = None
    """What the attention module was given, shape ``(rows, queries, width)``."""
    given: tuple[Tensor, ...] = ()
    """All tensors that the attention module was given."""
    output: Any = None
    """Everything the attention module returned."""

    @property
    def result(self) -> Tensor:
        """The attention module's output proper, shape ``(rows, queries, width)``."""
        return first_tensor(self.output)


@define(eq=False)
class LeafCall:
    """A module without children at work: its input and its output."""

    module: nn.Module
    input: Tensor
    output: Tensor
    version: int
    """How often the output had been changed in place when it was seen."""

    @property
    def overwritten(self) -> bool:
        """Was the output changed in place since?"""
        return self.output._version != self.version


@define(eq=False)
class BlockCall:
    """One block at work."""

    module: nn.Module
    name: str
    stack: str
    index: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any
    leaves: list[LeafCall] = field(factory=list)
    """Calls of its modules without children, outside of attention, in order."""

    @property
    def state(self) -> Tensor:
        """What it was given, shape ``(rows, positions, width)``."""
        return hidden_input(self.args, self.kwargs)

    @property
    def result(self) -> Tensor:
        """Shape ``(rows, positions, width)``."""
        return first_tensor(self.output)


def first_tensor(output: Any) -> Tensor:
    """The tensor a module returned, alone or ahead of others."""
    return output if isinstance(output, Tensor) else output[0]


def projection_of(one: Attended) -> tuple[nn.Module, Tensor]:
    """The output projection of an attention module, and what it gave in the pass.

    The module's result is that, or that plus one of its inputs (a residual connection inside the module).

    Raises:
        ModelCapabilityError: No such module was found, or more happens behind it.
    """
    refusal = ModelCapabilityError(
        f"In {one.name} no output projection reads the attention's result and gives the module's, so its output cannot "
        "be written as a sum over positions. Use attention_rollout, or a method without internals: saliency, occlusion."
    )
    if one.projection is None or one.projected is None:
        raise refusal
    result = one.result
    if result.shape != one.projected.shape:
        raise refusal
    rest = result - one.projected
    tolerance = 8 * torch.finfo(result.dtype).eps * float(result.abs().max() + one.projected.abs().max())
    candidates = [torch.zeros_like(rest), *(x for x in one.given if x.shape == rest.shape)]
    if not any(float((rest - candidate).abs().max()) <= tolerance for candidate in candidates):
        raise refusal
    return one.projection, one.projected


def matrix_of(one: Attended) -> Tensor | None:
    """The matrix ``M`` of an output projection that is ``context @ M`` plus a bias; None if it shows no
    such matrix."""
    projection, projected = projection_of(one)
    weight, bias = getattr(projection, "weight", None), getattr(projection, "bias", None)
    context, projected = one.context[:, [0, -1]].flatten(-2), projected[:, [0, -1]]  # two positions tell
    if not isinstance(weight, Tensor) or weight.ndim != 2 or weight.dtype != context.dtype:
        return None
    for matrix in (weight.T, weight):
        if matrix.shape == (context.shape[-1], projected.shape[-1]):
            made = context @ matrix + (0 if bias is None else bias)
            if torch.allclose(made, projected, rtol=1e-3, atol=1e-4 * float(projected.abs().max())):
                return matrix
    return None


def same_size(left: Tensor, right: Tensor) -> bool:
    """Could one be a view of the other, width kept?"""
    return left.numel() == right.numel() and left.shape[-1] == right.shape[-1]


class Watch:
    """What one forward pass did. Filled while active; read afterwards.

    Args:
        module: The model.
        weights_only: Keep attention weights and nothing else.
        leaves: Keep the states that modules without children read and gave inside of blocks.
        finished: Told each block and its attention when the block has run; then nothing of them is kept.
    """

    def __init__(
        self,
        module: PreTrainedModel,
        *,
        weights_only: bool = False,
        leaves: bool = False,
        finished: Callable[[BlockCall, list[Attended]], None] | None = None,
    ) -> None:
        self.weights_only = weights_only
        self.leaves = leaves
        self.seen = False
        """Was there any attention outside of the encoder?"""
        self._finished = finished
        self._paused = False
        self.encoder_states: Tensor | None = None
        """Set by whoever runs the pass, as handed to the decoder: attention that reads it is
        cross-attention."""
        self.attended: list[Attended] = []
        self.blocks: list[BlockCall] = []
        self.behind: dict[str, nn.Module] = {}
        """Stack name to the module that reads its last block's output, if one without children does."""
        self.rows = 1
        self._encoder = encoder_modules(module)
        self._place = {part: name for name, part in module.named_modules()}
        self._members = dict(blocks_of(module))
        self._open: Attended | None = None
        self._inside: list[nn.Module] = []
        self._leaves: list[LeafCall] = []
        self._width: int | None = None
        self._last: tuple[str, Tensor] | None = None

    def attend(self, kernel: Kernel, module: nn.Module, *inputs: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
        """Compute as the model does, and remember."""
        context, weights = kernel(module, *inputs, **options)
        if weights is None:
            raise ModelCapabilityError(f"The plain attention of {type(module).__name__} returns no weights.")
        self.remember(module, weights, inputs[2], context)
        return context, weights

    def remember(self, module: nn.Module, weights: Tensor, values: Tensor, context: Tensor) -> None:
        """Note one computation of attention inside ``module``."""
        stack, block = self._block_of(module)
        one = Attended(
            module=module,
            name=self._place.get(module, ""),
            stack=stack,
            block=block,
            weights=weights.detach(),
            values=values.detach(),
            context=context.detach(),
            where="encoder" if module in self._encoder else "decoder",
        )
        self.attended.append(one)
        self.seen = self.seen or one.where != "encoder"
        self._open = one

    def in_layers(self, where: Where) -> list[Attended]:
        """The computations of one kind, lowest layer first."""
        return sorted((one for one in self.attended if one.where == where), key=lambda one: one.block)

    def block_of(self, one: Attended) -> BlockCall:
        """The block an attention ran in."""
        return next(call for call in self.blocks if call.stack == one.stack and call.index == one.block)

    def weights(self, where: Where) -> Tensor | None:
        """Shape ``(rows, layers, heads, queries, keys)``; None if the model has no such attention."""
        layers = [one.weights for one in self.in_layers(where)]
        shapes = {tuple(layer.shape) for layer in layers}
        if len(shapes) > 1:
            raise ModelCapabilityError(
                f"The layers of this {where} attend in different ways: (rows, heads, queries, keys) are "
                f"{', '.join(map(str, sorted(shapes)))}, which make no one array. Use value_zeroing or saliency."
            )
        return torch.stack(layers, dim=1) if layers else None

    def _block_of(self, module: nn.Module) -> tuple[str, int]:
        for outer in self._inside:
            if outer in self._members:
                return self._members[outer]
        raise ModelCapabilityError(
            f"{self._place.get(module, type(module).__name__)} computes attention outside of any list of blocks, "
            "so its layer cannot be told. Use a method that needs no internals: saliency, occlusion."
        )

    def entered(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Hook: a module's forward begins."""
        if self._paused:
            return
        self._inside.append(module)
        if module in self._members:
            self._leaves = []
            self._width = args[0].shape[-1] if args and isinstance(args[0], Tensor) else None

    def left(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Hook: a module's forward ended."""
        if self._paused:
            return
        while self._inside and self._inside.pop() is not module:
            pass
        if self._open is not None and module is self._open.module:
            self._close(self._open, args, kwargs, output)
        elif module in self._members:
            stack, index = self._members[module]
            self._last = (stack, first_tensor(output))
            if not self.weights_only:
                name = self._place[module]
                call = BlockCall(module, name, stack, index, args, kwargs, output, self._leaves)
                self.blocks.append(call)
                if self._finished is not None:
                    self._hand_over(call, self._finished)
        elif args and not self.weights_only and not any(True for _ in module.children()):
            self._leaf(module, args[0], output)

    def _hand_over(self, call: BlockCall, finished: Callable[[BlockCall, list[Attended]], None]) -> None:
        """Tell of a block and forget it. What is computed from it meanwhile is no part of the pass."""
        self._paused = True
        try:
            finished(call, [one for one in self.attended if (one.stack, one.block) == (call.stack, call.index)])
        finally:
            self._paused = False
        self.attended.clear()
        self.blocks.clear()
        self._leaves = []

    def _close(self, one: Attended, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        self._open = None
        given = tuple(x for x in (*args, *kwargs.values()) if isinstance(x, Tensor))
        memory = self.encoder_states
        if memory is not None and any(x.data_ptr() == memory.data_ptr() for x in given):
            one.where = "cross"
        if self.weights_only:
            one.values = one.context = one.weights[:0]
        else:
            one.state, one.given, one.output = hidden_input(args, kwargs), given, output

    def _leaf(self, module: nn.Module, given: Any, output: Any) -> None:
        if not isinstance(given, Tensor) or not isinstance(output, Tensor):
            return
        one = self._open
        if one is not None:
            flat = one.context.flatten(-2)
            if one.projection is None and same_size(given, flat) and torch.equal(given.reshape(flat.shape), flat):
                one.projection, one.projected = module, output.reshape(*flat.shape[:-1], output.shape[-1])
            return
        if any(outer in self._members for outer in self._inside):
            read, gave = self._state(given), self._state(output)
            if self.leaves and read.numel() + gave.numel():
                self._leaves.append(LeafCall(module, read, gave, output._version))
        elif self._last is not None and given is self._last[1]:
            self.behind.setdefault(self._last[0], module)

    def _state(self, tensor: Tensor) -> Tensor:
        """A tensor if it is as wide as the residual stream; inner activations are let go."""
        return tensor if self._width in (None, tensor.shape[-1]) else tensor.new_empty(0, 1)


def encoder_modules(module: PreTrainedModel) -> set[nn.Module]:
    """All parts of the encoder; none for decoder-only models."""
    return set(module.get_encoder().modules()) if module.config.is_encoder_decoder else set()


def blocks_of(module: nn.Module) -> Iterator[tuple[nn.Module, tuple[str, int]]]:
    """Members of the outermost module lists, with the list's name and their index in it."""
    for name, part in outermost_lists(module):
        for index, member in enumerate(part):
            yield member, (name, index)


_SOFTMAX = (functional.softmax, torch.softmax, Tensor.softmax)
_PRODUCT = (torch.matmul, torch.bmm, Tensor.matmul, Tensor.bmm, Tensor.__matmul__)
_KEEPS_WEIGHTS = (
    Tensor.to,
    Tensor.type,
    Tensor.type_as,
    Tensor.float,
    Tensor.view,
    Tensor.reshape,
    Tensor.contiguous,
    functional.dropout,
    torch.dropout,
)


class _OwnAttention(TorchFunctionMode):
    """Recognises attention that a module computes by itself: softmax, then a product of its result with the
    values."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch
        self._weights: dict[int, Tensor] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            return self._fused(*args, **kwargs)
        if func in _PRODUCT and id(args[0]) in self._weights:
            context = func(*args, **kwargs)
            self._note(args[0], args[1], context)
            return context
        output = func(*args, **kwargs)
        attention = func in _SOFTMAX and output.ndim in (3, 4)
        if attention or (func in _KEEPS_WEIGHTS and id(args[0]) in self._weights):
            self._weights[id(output)] = output  # the reference keeps the id from being used again
        return output

    def _fused(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        if enable_gqa:
            key, value = (grouped(x, query.shape[-3]) for x in (key, value))
        scores = query @ key.transpose(-1, -2) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
        if is_causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        if attn_mask is not None:
            hidden = attn_mask.dtype == torch.bool
            scores = scores.masked_fill(~attn_mask, -torch.inf) if hidden else scores + attn_mask
        weights = scores.softmax(-1)
        context = weights @ value
        self._note(weights, value, context)
        return context

    def _note(self, weights: Tensor, values: Tensor, context: Tensor) -> None:
        self._weights.clear()
        watch = self._watch
        if not watch._inside:
            return
        rows = watch.rows

        def four(x: Tensor) -> Tensor:
            return x.reshape(rows, -1, *x.shape[-2:])

        heads = four(weights).shape[1]
        watch.remember(watch._inside[-1], four(weights), grouped(four(values), heads), four(context).transpose(1, 2))


def grouped(values: Tensor, heads: int) -> Tensor:
    """Key/value heads repeated until there are as many as query heads. Shape ``(..., heads, keys, size)``."""
    return values.repeat_interleave(heads // values.shape[-3], dim=-3)


def asks_the_interface(module: PreTrainedModel) -> bool:
    """Does the model's code take its attention from transformers' interface?"""
    return any(
        hasattr(sys.modules.get(type(part).__module__), "ALL_ATTENTION_FUNCTIONS") for part, _ in blocks_of(module)
    )


@contextmanager
def watching(
    module: PreTrainedModel,
    *,
    rows: int = 1,
    weights_only: bool = False,
    leaves: bool = False,
    finished: Callable[[BlockCall, list[Attended]], None] | None = None,
) -> Iterator[Watch]:
    """Within the block, a forward pass of ``module`` over ``rows`` rows is written down in what is handed
    out."""
    watch = Watch(module, weights_only=weights_only, leaves=leaves, finished=finished)
    watch.rows = rows
    with ExitStack() as stack:
        stack.enter_context(observed_by(module, watch))
        for part in module.modules():
            before = part.register_forward_pre_hook(watch.entered)
            stack.callback(before.remove)
            after = part.register_forward_hook(watch.left, with_kwargs=True)
            stack.callback(after.remove)
        if not asks_the_interface(module):
            stack.enter_context(_OwnAttention(watch))
        yield watch
