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

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from attrs import define, evolve, field
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel
from wherefrom.adapters.internals import Where
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.inside.attention_pieces import KEEPS_WEIGHTS, PRODUCTS, SOFTMAX, grouped, taken_apart
from wherefrom_hf.inside.frozen_norm import freeze
from wherefrom_hf.inside.memory import Memory
from wherefrom_hf.running.answering import first_tensor, with_first
from wherefrom_hf.running.attention_functions import INTERFACE, names_beside
from wherefrom_hf.running.attention_kernel import FUSED, KERNEL, Kernel, hidden_input, observed_by, plain_kernel
from wherefrom_hf.running.freed import hand_back_freed
from wherefrom_hf.running.parts import parts_of
from wherefrom_hf.running.precision import at_least_single, equal_numbers, largest, same_numbers
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
    """Post-softmax, shape ``(rows, heads, queries, keys)``: all that are weighed together, see ``own``."""
    values: Tensor
    """Shape ``(rows, key/value heads, keys, size of a head)``."""
    context: Tensor
    """Weighted values, shape ``(rows, queries, heads, size of a head)``."""
    where: Where = "decoder"
    own: slice = slice(None)
    """Which keys are of this kind of attention. Where the source's and the target's are weighed in one softmax, there
    are two of these for it: one ``decoder``, one ``cross``."""
    projection: nn.Module | None = None
    """The module that reads ``context``, heads side by side."""
    projected: Tensor | None = None
    """What it gave, shape ``(rows, queries, width)``."""
    outside: bool = False
    """Does the projection stand behind the attention module, whose own result is the context as it is?"""
    gated: Tensor | None = None
    """Where no module reads the context itself: what the last module inside read that is as large, heads side by side;
    ``projection`` is that module then. Shape ``(rows, queries, heads * size)``."""
    between: nn.Module | None = None
    """The module that read the context, where another read what it gave, which is ``gated`` then, and made the result
    of it: a norm, it may be."""
    state: Tensor | None = None
    """What the attention module was given, shape ``(rows, queries, width)``."""
    given: tuple[Tensor, ...] = ()
    """All tensors that the attention module was given."""
    output: Any = None
    """Everything the attention module returned."""
    call: BlockCall | None = None
    """The block at work that it is part of."""

    @property
    def result(self) -> Tensor:
        """The attention module's output proper, shape ``(rows, queries, width)``."""
        return first_tensor(self.output)


@define(eq=False)
class LeafCall:
    """A module without children, or right inside a block, at work: its input and its output."""

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
    """Calls of its modules without children and of its own children, outside of attention, in order."""

    @property
    def state(self) -> Tensor:
        """What it was given, shape ``(rows, positions, width)``."""
        return hidden_input(self.args, self.kwargs)

    @property
    def result(self) -> Tensor:
        """Shape ``(rows, positions, width)``."""
        return first_tensor(self.output)


def projection_of(one: Attended) -> tuple[nn.Module, Tensor]:
    """The output projection of an attention module, and what it gave in the pass.

    The module's result is that, or that plus one of its inputs (a residual connection inside the module). What it reads
    is the context, or the context behind a gate (`Attended.gated`, which `gates` holds to its name).

    Raises:
        ModelCapabilityError: No such module was found, or more happens behind it.
    """
    if one.projection is not None and one.projected is not None and (one.outside or _is_result(one)):
        return one.projection, one.projected
    # what peft calls the layer that an adapter (LoRA and its kin) adds to
    adapted = any(hasattr(part, "base_layer") for part in one.module.modules())
    merging = " An adapter adds to it: merge it first (`model.merge_and_unload()` of peft)." if adapted else ""
    raise ModelCapabilityError(
        f"In {one.name} no output projection reads the attention's result and gives the module's, so its output cannot "
        f"be written as a sum over positions.{merging} Use a method without internals: saliency, occlusion. attention "
        "may work too."
    )


def found_projection(one: Attended) -> nn.Module | None:
    """The module whose result, of the weighted values alone, is the attention module's; None: there is none."""
    return one.projection if one.gated is None and not one.outside and _is_result(one) else None


def _is_result(one: Attended) -> bool:
    """Is what the projection gave the attention module's result, or that less one of its inputs?"""
    if one.projected is None or one.result.shape != one.projected.shape:
        return False
    part, size = 8 * torch.finfo(one.result.dtype).eps, max(largest(one.result), largest(one.projected))
    added: list[Any] = [0, *(x for x in one.given if x.shape == one.result.shape)]
    return any(same_numbers(one.projected + x, one.result, part, size=size) for x in added)


def weights_of_values(one: Attended) -> Tensor:
    """The weights with which values are summed to what attention gives, shape ``(heads, queries, keys)``.

    Those of the softmax, times a factor for each query and head where the kernel scales its result (a sink that is
    applied behind the product).

    Raises:
        ModelCapabilityError: What attention gives is no such sum: more happened in the kernel.
    """
    values = grouped(one.values[0], one.weights.shape[1])
    weights = one.weights[0].to(values.dtype)
    made, came = torch.einsum("hqk,hks->qhs", weights, values), one.context[0]
    made_in = came.dtype
    made, came = at_least_single(made), at_least_single(came)

    def is_it(sum_: Tensor) -> bool:
        return same_numbers(sum_, came, 1e-3, half=0.05, made_in=made_in)

    if made.shape == came.shape:
        if is_it(made):
            return weights
        size = made.square().sum(-1).clamp_min(torch.finfo(made.dtype).tiny)
        factor = (came * made).sum(-1) / size
        if is_it(made * factor[..., None]):
            return weights * factor.T[..., None].to(weights.dtype)
    raise ModelCapabilityError(
        f"In {one.name} the weights times the values are not what attention gives, not even scaled by head and query, "
        "so what one value brings cannot be told. Use saliency, integrated_gradients or occlusion."
    )


def matrix_of(one: Attended) -> Tensor | None:
    """The matrix ``M`` of an output projection that is what it reads times ``M`` plus a bias; None if it shows no
    such matrix."""
    projection, projected = projection_of(one)
    weight, bias = getattr(projection, "weight", None), getattr(projection, "bias", None)
    read = one.context.flatten(-2) if one.gated is None else one.gated
    context, projected = read[:, [0, -1]], projected[:, [0, -1]]  # two positions tell
    if not isinstance(weight, Tensor) or weight.ndim != 2 or weight.dtype != context.dtype:
        return None
    for matrix in (weight.T, weight):
        if matrix.shape == (context.shape[-1], projected.shape[-1]):
            made = context @ matrix + (0 if bias is None else bias)
            if same_numbers(made, projected, 1e-4):
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
        queries: Decoder-only: keep weights and states of these positions alone; everything written down then has them
            for its positions. Values are kept whole.
        mean_heads: Keep the mean of the heads' weights instead of them, as one head.
        finished: Told each block and its attention when the block has run; then nothing of them is kept.
    """

    def __init__(
        self,
        module: PreTrainedModel,
        *,
        weights_only: bool = False,
        leaves: bool = False,
        queries: Tensor | None = None,
        mean_heads: bool = False,
        finished: Callable[[BlockCall, list[Attended]], None] | None = None,
    ) -> None:
        self.weights_only = weights_only
        self.leaves = leaves
        self.takes_pieces = not leaves
        """May layers that keep to single positions run in pieces?"""
        self.queries = queries
        self.mean_heads = mean_heads
        self._finished = finished
        self._paused = False
        self.memory = Memory(module)
        """Whoever runs the pass says what the decoder is given."""
        self.crossed = False
        """Was there any cross-attention?"""
        self.attended: list[Attended] = []
        self.blocks: list[BlockCall] = []
        self.vectors: dict[nn.Module, list[int]] = {}
        """With ``leaves``: module to how many vectors it gave each time it ran."""
        self.behind: dict[str, nn.Module] = {}
        """Stack name to the norm that reads its last block's output, if one does."""
        self.rows = 1
        self._encoder = encoder_modules(module)
        self._place = {part: name for name, part in module.named_modules()}
        self._members = dict(blocks_of(module))
        self._ran: set[tuple[str, int]] = set()
        self._attending: set[tuple[str, int]] = set()
        self._open: Attended | None = None
        self._inside: list[nn.Module] = []
        self._leaves: list[LeafCall] = []
        self._width: int | None = None
        self._context: Tensor | None = None
        """What the open attention gave, of all positions."""
        self._first: Tensor | None = None
        """What the first module that read it gave."""
        self._second: tuple[nn.Module, Tensor] | None = None
        """The module that read that, and what it gave."""
        self.one_softmax = False
        """Did any attention weigh source and target together?"""
        self._of_source: list[Tensor] = []
        """What was made of the memory since the block, or the attention before in it, ended."""
        self._awaited: tuple[Attended, Tensor] | None = None
        """An attention module that gave its context as it is, and that: its projection is still to come."""
        self._length = 0
        """Positions of the pass."""
        self._last: tuple[str, Tensor] | None = None

    def attend(self, kernel: Kernel, module: nn.Module, *inputs: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
        """Compute as the model does, and remember."""
        context, weights = kernel(module, *inputs, **options)
        if weights is None and self.queries is not None:
            weights = weights_at(self.queries, module, *inputs, **options)
        if weights is None:
            raise ModelCapabilityError(f"The plain attention of {type(module).__name__} returns no weights.")
        self.remember(module, weights, inputs[2], context)
        return context, weights

    def remember(self, module: nn.Module, weights: Tensor, values: Tensor, context: Tensor) -> None:
        """Note one computation of attention inside ``module``."""
        stack, block = self._block_of(module)
        before, self._context = self._context, context
        if self.queries is not None and weights.shape[-2] == context.shape[1]:
            weights = weights[:, :, self.queries]
        if self.mean_heads:
            weights = weights.mean(1, keepdim=True)
        known = self._open
        if (
            before is not None
            and known is not None
            and known.module is module
            and equal_numbers(known.weights, weights)
        ):
            # other values with the same weights: wider heads, in two calls
            self._context = torch.cat([before, context], dim=-1)
            known.values = torch.cat([known.values, values.detach()], dim=-1)
            known.context = self._kept(self._context.detach())
            return
        one = Attended(
            module=module,
            name=self._place.get(module, ""),
            stack=stack,
            block=block,
            weights=weights.detach(),
            values=values.detach(),
            context=self._kept(context.detach()),
            where="encoder" if module in self._encoder else "decoder",
        )
        self.attended.append(one)
        if one.where != "encoder":
            self._attending.add((stack, block))
        self._open = one

    def in_layers(self, where: Where) -> list[Attended]:
        """The computations of one kind in order, lowest layer first; blocks that run again are layers once more."""
        return [one for one in self.attended if one.where == where]

    @property
    def seen(self) -> bool:
        """Was there any attention outside of the encoder?"""
        return bool(self._attending)

    @property
    def unseen(self) -> int:
        """How many of the decoder's blocks ran without any attention that was seen."""
        stacks = {stack for stack, _ in self._attending}
        return len({one for one in self._ran if one[0] in stacks} - self._attending)

    def block_of(self, one: Attended) -> BlockCall:
        """The block an attention ran in.

        Raises:
            ModelCapabilityError: There is none: what is listed is the attention alone.
        """
        if one.call is None:
            raise ModelCapabilityError(
                f"{one.name} is listed by itself, apart from the norms and the feed-forward layer that belong to it, "
                "so its block cannot be told. Use a method without internals: saliency, occlusion. attention may work "
                "too."
            )
        return one.call

    def weights(self, where: Where) -> Tensor | None:
        """Shape ``(rows, layers, heads, queries, keys)``; None if the model has no such attention."""
        layers = [one.weights[..., one.own] for one in self.in_layers(where)]
        shapes = {tuple(layer.shape) for layer in layers}
        if len(shapes) > 1:
            raise ModelCapabilityError(
                f"The layers of this {where} attend in different ways: (rows, heads, queries, keys) are "
                f"{', '.join(map(str, sorted(shapes)))}, which make no one array. Use saliency. value_zeroing may work "
                "too."
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
            self._of_source = []
            self._awaited = None
            self._width = args[0].shape[-1] if args and isinstance(args[0], Tensor) else None

    def left(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Hook: a module's forward ended."""
        if self._paused:
            return
        while self._inside and self._inside.pop() is not module:
            pass
        if self.leaves:
            tensor = first_tensor(output) if isinstance(output, Tensor | tuple) and len(output) else None
            if isinstance(tensor, Tensor) and tensor.ndim:
                self.vectors.setdefault(module, []).append(tensor.shape[:-1].numel())
        self.memory.passed(module, args, output, self._inside)
        self._of_memory(module, args, output)
        if self._open is not None and module is self._open.module:
            self._close(self._open, args, kwargs, output)
        elif module in self._members:
            stack, index = self._members[module]
            self._ran.add((stack, index))
            state = first_tensor(output)
            self._last = (stack, state)
            if not self.weights_only:
                name = self._place[module]
                if self.queries is not None:
                    args = tuple(self._kept(value) for value in args)
                    kwargs = {key: self._kept(value) for key, value in kwargs.items()}
                    output = self._kept_first(output)
                call = BlockCall(module, name, stack, index, args, kwargs, output, self._leaves)
                self.blocks.append(call)
                for one in self.attended:
                    if one.call is None and (one.stack, one.block) == (stack, index):
                        one.call = call
                if self._finished is not None:
                    self._hand_over(call, self._finished)
            hand_back_freed(state)
        elif args and not self.weights_only:
            if not any(True for _ in module.children()):
                self._leaf(module, args[0], output)
            elif self.leaves and self._inside and self._inside[-1] in self._members:
                self._part(module, args[0], output)

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
        beside: slice | None = None
        if self.memory.among(x.data_ptr() for x in given):
            one.where = "cross"
            self.crossed = True
            beside = self._beside_source(one)
        if self.weights_only:
            one.values = one.context = one.weights[:0]
        else:
            one.state, one.output = self._kept(hidden_input(args, kwargs)), self._kept_first(output)
            one.given = tuple(self._kept(x) for x in given)
            flat = None if self._context is None else self._context.flatten(-2)
            result = first_tensor(output)
            self._through_two(one)
            if flat is not None and isinstance(result, Tensor) and same_size(result, flat):
                same = equal_numbers(result.reshape(flat.shape), flat)
                self._awaited = (one, flat) if same and (one.projection is None or one.gated is not None) else None
        if beside is not None:
            self.one_softmax = True
            self.attended.insert(self.attended.index(one), evolve(one, where="decoder", own=beside))
        self._context = self._first = self._second = None
        self._of_source = []

    def _of_memory(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """Note what a module without children makes of the memory."""
        if any(True for _ in module.children()) or not args or not isinstance(output, Tensor):
            return
        if isinstance(args[0], Tensor) and self.memory.among([args[0].data_ptr()]):
            self._of_source.append(output.detach())

    def _beside_source(self, one: Attended) -> slice | None:
        """Which keys are the target's, where those of the source, which become ``one``'s own, are weighed with them in
        one softmax: at the end that has the values that a part of the module made of the memory.

        Raises:
            ModelCapabilityError: No such end, or either, has them.
        """
        keys, length = one.weights.shape[-1], self.memory.length
        if keys == length:
            return None
        assert length is not None
        assert self._context is not None
        values = one.values.transpose(1, 2).flatten(2)
        ends = [(slice(keys - length, None), slice(keys - length)), (slice(length), slice(length, None))]
        found = [
            (own, others)
            for own, others in ends
            if any(
                equal_numbers(values[:, own], made) for made in self._of_source if made.shape == values[:, own].shape
            )
        ]
        if keys != length + self._context.shape[1] or len(found) != 1:
            raise ModelCapabilityError(
                f"{one.name} weighs {keys} positions in one softmax, the {length} of the source and others "
                "with them, so its attention to the source and to the target cannot be told apart. Use a method "
                "without internals: saliency, occlusion."
            )
        one.own, beside = found[0]
        return beside

    def _through_two(self, one: Attended) -> None:
        """Where two modules stand between the context and the result, the second is the projection."""
        if self._second is None or one.projected is None or one.projected.shape != one.context.flatten(-2).shape:
            return
        if not _is_result(one):
            one.between, one.gated = one.projection, one.projected
            one.projection, one.projected = self._second

    def _kept(self, value: Any) -> Any:
        """A value at the positions that are kept, if it goes with positions."""
        if isinstance(value, tuple):  # sines and cosines
            return tuple(self._kept(one) for one in value)
        whole = self._context.shape[1] if self._context is not None else self._length
        self._length = whole
        if self.queries is None or not isinstance(value, Tensor) or value.ndim < 3 or value.shape[1] != whole:
            return value
        return value[:, self.queries]

    def _kept_first(self, output: Any) -> Any:
        """A module's output, its tensor proper at the positions that are kept."""
        if self.queries is None or isinstance(output, Tensor):
            return self._kept(output)
        return with_first(output, self._kept(output[0]))

    def _leaf(self, module: nn.Module, given: Any, output: Any) -> None:
        if not isinstance(given, Tensor) or not isinstance(output, Tensor):
            return
        one = self._open
        if one is not None:
            assert self._context is not None
            flat = self._context.flatten(-2)
            found = one.projection is not None and one.gated is None
            if found and self._second is None and given is self._first:
                self._second = module, self._kept(output.reshape(*flat.shape[:-1], output.shape[-1]))
            if not found and same_size(given, flat) and output.shape[:-1] == given.shape[:-1]:
                given = given.reshape(flat.shape)
                one.gated = None if equal_numbers(given, flat) else self._kept(given)
                one.projection = module
                one.projected = self._kept(output.reshape(*flat.shape[:-1], output.shape[-1]))
                self._first = output
            return
        awaited = self._awaited
        if awaited is not None and same_size(given, awaited[1]):
            one, flat = awaited
            if equal_numbers(given.reshape(flat.shape), flat):
                one.projection, one.outside, self._awaited = module, True, None
                one.projected = self._kept(output.reshape(*flat.shape[:-1], output.shape[-1]))
        if any(outer in self._members for outer in self._inside):
            read, gave = self._state(given), self._state(output)
            if self.leaves and read.numel() + gave.numel():
                self._leaves.append(LeafCall(module, read, gave, output._version))
        elif self._last is not None and given is self._last[1] and self._normalises(module, given, output):
            self.behind.setdefault(self._last[0], module)

    def _normalises(self, module: nn.Module, given: Tensor, output: Tensor) -> bool:
        """Is the module a norm? It is tried on other states, which is no part of the pass."""
        self._paused = True
        try:
            return freeze(module, given, output) is not None
        finally:
            self._paused = False

    def _part(self, module: nn.Module, given: Any, output: Any) -> None:
        """Note a part of a block that has parts itself: what it gives may be added to the state beside attention."""
        gave = output[0] if isinstance(output, tuple) and output else output
        if isinstance(given, Tensor) and isinstance(gave, Tensor) and gave.shape == given.shape:
            self._leaves.append(LeafCall(module, self._state(given), self._state(gave), gave._version))

    def _state(self, tensor: Tensor) -> Tensor:
        """A tensor if it is as wide as the residual stream; inner activations are let go."""
        return tensor if self._width in (None, tensor.shape[-1]) else tensor.new_empty(0, 1)


def weights_at(queries: Tensor, module: nn.Module, *inputs: Any, **options: Any) -> Tensor | None:
    """Weights of some queries alone, as the plain kernel of ``module`` gives them, of inputs meant for a fused one.

    Shape ``(rows, heads, queries, keys)``.
    """
    query, key, value, *others = inputs
    mask = others.pop(0) if others else options.pop("attention_mask", None)
    if mask is None:  # the fused kernel's way of saying: causal
        seen = queries[:, None] >= torch.arange(key.shape[-2], device=key.device)
        seen = seen[None, None]
    else:
        seen = mask[..., queries, :]
    if seen.dtype == torch.bool:
        hidden = torch.finfo(query.dtype).min
        seen = torch.zeros(seen.shape, dtype=query.dtype, device=query.device).masked_fill(~seen, hidden)
    little = value[..., :1]  # what is weighed is not asked for
    _, weights = plain_kernel(module)(module, query[:, :, queries], key, little, seen, *others, **options)
    return weights


def encoder_modules(module: PreTrainedModel) -> set[nn.Module]:
    """All parts of the encoder; none for decoder-only models."""
    return set(module.get_encoder().modules()) if module.config.is_encoder_decoder else set()


def blocks_of(module: nn.Module) -> Iterator[tuple[nn.Module, tuple[str, int]]]:
    """Members of the outermost module lists, with the list's name and their index in it."""
    for name, part in outermost_lists(module):
        for index, member in enumerate(part):
            yield member, (name, index)


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
        if func in PRODUCTS and id(args[0]) in self._weights:
            context = func(*args, **kwargs)
            self._note(args[0], args[1], context)
            return context
        output = func(*args, **kwargs)
        attention = func in SOFTMAX and output.ndim in (3, 4)
        if attention or (func in KEEPS_WEIGHTS and id(args[0]) in self._weights):
            self._weights[id(output)] = output  # the reference keeps the id from being used again
        return output

    def _fused(self, *args: Any, **kwargs: Any) -> Tensor:
        weights, values, context = taken_apart(*args, **kwargs)
        self._note(weights, values, context)
        return context

    def _note(self, weights: Tensor, values: Tensor, context: Tensor) -> None:
        self._weights.clear()
        watch = self._watch
        if watch._paused or not watch._inside:
            return
        rows = watch.rows

        def four(x: Tensor) -> Tensor:
            return x.reshape(rows, -1, *x.shape[-2:])

        heads = four(weights).shape[1]
        watch.remember(watch._inside[-1], four(weights), grouped(four(values), heads), four(context).transpose(1, 2))


def asks_the_interface(module: PreTrainedModel) -> bool:
    """Does the model's code take its attention from transformers' interface?"""
    return any(INTERFACE in names_beside(type(part)) for part, _ in blocks_of(module))


FUSED_FROM = 192
"""Positions from which on attention is looked into under the fused kernel, where a model says the same under it."""


@contextmanager
def watching(
    module: PreTrainedModel,
    *,
    rows: int = 1,
    weights_only: bool = False,
    leaves: bool = False,
    queries: Tensor | None = None,
    mean_heads: bool = False,
    fused: bool = False,
    own: bool | None = None,
    finished: Callable[[BlockCall, list[Attended]], None] | None = None,
) -> Iterator[Watch]:
    """Within the block, a forward pass of ``module`` over ``rows`` rows is written down in what is handed
    out.

    Args:
        queries: Positions that are kept, see `Watch`.
        fused: Compute attention by the fused kernel, and weights for ``queries`` alone, which must be given.
        own: Look out for attention that modules compute by themselves; None: where no file of the model's blocks knows
            the interface.
        finished: See `Watch`.
    """
    watch = Watch(
        module, weights_only=weights_only, leaves=leaves, queries=queries, mean_heads=mean_heads, finished=finished
    )
    watch.rows = rows
    with ExitStack() as stack:
        stack.enter_context(observed_by(module, watch, FUSED if fused else KERNEL))
        for part in parts_of(module):
            before = part.register_forward_pre_hook(watch.entered)
            stack.callback(before.remove)
            after = part.register_forward_hook(watch.left, with_kwargs=True)
            stack.callback(after.remove)
        if own or (own is None and not asks_the_interface(module)):
            stack.enter_context(_OwnAttention(watch))
        yield watch
