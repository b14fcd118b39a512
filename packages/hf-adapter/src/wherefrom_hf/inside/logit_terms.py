"""Logits written as sums of what attention, feed-forward layers and embeddings bring.

With norms, activations, caps and gates held (`held_functions`), a logit is an affine function of these outputs. One
backward pass, cut wherever such an output begins, gives how each counts; a second row of the same pass, in which they
are all zero, gives what is left, and shows whether the logit is affine in them at all. Which state a feed-forward part
reads is in the graph as well: the outputs that what it is given was made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from typing import Any

import torch
from attrs import define, evolve, field
from torch import Tensor, nn
from transformers import PreTrainedModel
from wherefrom.adapters import Row
from wherefrom.adapters.internals import RowLogits
from wherefrom.arrays import IntArray
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.inside.attention import watched
from wherefrom_hf.inside.attention_watch import BlockCall, Watch, blocks_of, projection_of
from wherefrom_hf.inside.decomposition import close, decoders_attention, weighted_values
from wherefrom_hf.inside.frozen_norm import freeze
from wherefrom_hf.inside.held_functions import held_in_first_row
from wherefrom_hf.inside.teacher_forcing import run
from wherefrom_hf.running.answering import with_first
from wherefrom_hf.running.attention_kernel import hidden_input
from wherefrom_hf.running.precision import at_least_single, largest
from wherefrom_hf.running.probe import looking_into


def logit_terms(
    module: PreTrainedModel, rows: Iterable[Row], *, contrasts: Iterable[IntArray | None]
) -> Iterator[RowLogits]:
    """See `wherefrom.adapters.internals.DecomposesStates.logit_terms`."""
    for row, contrast in zip(rows, contrasts, strict=True):
        watch, passed = watched(module, [row], leaves=True)
        cut = _Cut(watch)
        with looking_into(module), cut.applied(), cut.held(module), torch.enable_grad():
            real, empty = run(module, [row, Row(**_same_input(row))], graph=True).logits
            lead, rest = (_chosen(logits, row, contrast) for logits in (real, empty))
            gradients = torch.autograd.grad(lead.sum(), list(cut.sources.values()), allow_unused=True)
        with looking_into(module), torch.no_grad():
            answer = _row_logits(module, row, watch, cut, gradients, lead.detach(), rest.detach(), passed, contrast)
        yield evolve(answer, scores=passed.scores[0])


def _has_weights(part: nn.Module) -> bool:
    """Of its own, not of its parts."""
    return any(True for _ in part.parameters(recurse=False))


def _only_scales(part: nn.Module) -> bool:
    """Are its weights factors and biases of single channels? What passes it is added up all the same."""
    return not any(True for _ in part.children()) and all(weight.ndim <= 1 for weight in part.parameters())


def _outside_blocks(module: PreTrainedModel) -> list[nn.Module]:
    """Modules that are in no block: what stands before and behind."""
    inside = {part for block, _ in blocks_of(module) for part in block.modules()}
    return [part for part in module.modules() if part not in inside]


def _same_input(row: Row) -> dict[str, Any]:
    return {
        "target_ids": row.target_ids,
        "steps": row.steps,
        "source_ids": row.source_ids,
        "target_visible": row.target_visible,
        "source_visible": row.source_visible,
        "target_embeds": row.target_embeds,
        "source_embeds": row.source_embeds,
    }


def _chosen(logits: Tensor, row: Row, contrast: IntArray | None) -> Tensor:
    """The target token's logit at each step, or its lead over the contrast's."""
    ids = torch.from_numpy(row.target_ids[row.steps]).to(logits.device)
    chosen = logits.gather(1, ids[:, None])[:, 0]
    if contrast is None:
        return chosen
    return chosen - logits.gather(1, torch.from_numpy(contrast).to(logits.device)[:, None])[:, 0]


@define(eq=False, slots=False)
class _Cut:
    """Where the graph begins anew, and what was there."""

    watch: Watch
    sources: dict[nn.Module, Tensor] = field(factory=dict)
    """Module to its output in the first row, shape ``(positions, width)``; the first block stands for the
    embeddings."""
    made_of: dict[nn.Module, set[nn.Module]] = field(factory=dict)
    """Module to the sources that what it was given is made of."""

    @property
    def stack(self) -> str:
        return self.watch.block_of(self.watch.in_layers("decoder")[0]).stack

    def applied(self) -> ExitStack:
        """A context in which the decoder's sources start graphs of their own."""
        stack = ExitStack()
        for part in self.starts:
            stack.callback(part.register_forward_hook(self._begin_part, with_kwargs=True).remove)
        handle = self.calls[0].module.register_forward_pre_hook(self._begin_embeddings, with_kwargs=True)
        stack.callback(handle.remove)
        return stack

    def held(self, module: PreTrainedModel) -> AbstractContextManager[None]:
        """A context in which what stands between sources and logits is held as it is in the first row."""
        return held_in_first_row(module, [*self.norms, *_outside_blocks(module)], left_alone=self.starts)

    @cached_property
    def starts(self) -> list[nn.Module]:
        """The modules whose outputs are sources."""
        attention = [one for one in self.watch.attended if one.stack == self.stack]
        modules = {one.module for one in attention}
        starts = [projection_of(one)[0] for one in attention]
        inside = {part for one in modules for part in one.modules()} | set(starts)
        for call in self.calls:
            for part in call.module.modules():
                # whatever has weights of its own, and is neither norm nor attention nor around it, is a source
                weighty = _has_weights(part) and part not in self.norms and not _only_scales(part)
                if weighty and part not in inside and modules.isdisjoint(part.modules()):
                    starts.append(self._by_position(part, call, modules))
        return list(dict.fromkeys(starts))

    def _by_position(self, part: nn.Module, call: BlockCall, attention: set[nn.Module]) -> nn.Module:
        """The innermost module around ``part``, or itself, that gives a vector for every position: an expert gives
        those of its tokens, all experts together may give as many for each token as they are."""
        around = [one for one in call.module.modules() if part in one.modules() and attention.isdisjoint(one.modules())]
        runs = sum(one.module is call.module for one in self.calls)
        expected = [call.state.shape[1]] * runs
        return next((one for one in reversed(around) if self.watch.vectors.get(one) == expected), part)

    @cached_property
    def calls(self) -> list[BlockCall]:
        """What ran of the decoder's blocks, in order."""
        return sorted((c for c in self.watch.blocks if c.stack == self.stack), key=lambda call: call.index)

    @cached_property
    def norms(self) -> set[nn.Module]:
        """The norms in the decoder's blocks."""
        inside = {part for one in self.watch.attended for part in one.module.modules()}
        leaves = [leaf for call in self.calls for leaf in call.leaves if leaf.module not in inside]
        return {leaf.module for leaf in leaves if freeze(leaf.module, leaf.input, leaf.output) is not None}

    def _begin_part(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        given = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)]
        known = {id(source): part for part, source in self.sources.items()}
        self.made_of[module] = {known[id(leaf)] for leaf in _leaves(given) if id(leaf) in known}
        return self._begin(module, args, output)

    def behind(self, part: nn.Module, attention: dict[nn.Module, int]) -> int:
        """Behind how many of the decoder's attentions the state is that a part reads.

        Args:
            attention: Output projection to how many attentions there are up to and with its own.
        """
        seen, open_, found = {part}, [part], 0
        while open_:
            for source in self.made_of.get(open_.pop(), set()) - seen:
                seen.add(source)
                found = max(found, attention.get(source, 0))
                if source not in attention:  # parts within a part, and what lies below
                    open_.append(source)
        return found

    def _begin(self, module: nn.Module, args: Any, output: Any) -> Any:
        if isinstance(output, tuple) and not _has_weights(module):
            return with_first(output, self._begin(module, args, output[0]))
        if not isinstance(output, Tensor) or output.numel() % (2 * output.shape[-1]):
            return output
        rows = output.detach().reshape(2, -1, output.shape[-1])
        source = rows[0].clone().requires_grad_()
        self.sources[module] = source
        return torch.stack([source, torch.zeros_like(source)]).reshape(output.shape)

    def _begin_embeddings(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        started = self._begin(module, (), hidden_input(args, kwargs))
        return ((started, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": started})


def _leaves(tensors: Iterable[Tensor]) -> Iterator[Tensor]:
    """The tensors at which the graphs of these begin."""
    open_: list[Any] = [one.grad_fn for one in tensors if one.grad_fn is not None]
    seen = set(open_)
    while open_:
        node = open_.pop()
        if node.name() == "torch::autograd::AccumulateGrad":
            yield node.variable
        more = {one for one, _ in node.next_functions if one is not None} - seen
        seen |= more
        open_ += more


def _row_logits(
    module: PreTrainedModel,
    row: Row,
    watch: Watch,
    cut: _Cut,
    gradients: tuple[Tensor | None, ...],
    lead: Tensor,
    rest: Tensor,
    passed: Any,
    contrast: IntArray | None,
) -> RowLogits:
    unread = {part for part, gradient in zip(cut.sources, gradients, strict=True) if gradient is None}
    for one in watch.attended:
        if one.stack == cut.stack and projection_of(one)[0] in unread:
            raise ModelCapabilityError(
                f"What {one.name} gives passes another part of {type(module).__name__} that has weights of its own "
                "before it is added up, so what it brings to the logit cannot be told. Use input_x_gradient or "
                "integrated_gradients. attention may work too."
            )
    at = torch.from_numpy(row.steps).to(lead.device) - 1
    output_gradients = {
        part: at_least_single((torch.zeros_like(source) if gradient is None else gradient)[at])
        for (part, source), gradient in zip(cut.sources.items(), gradients, strict=True)
    }
    brought = {part: (output_gradients[part] * source.detach()[at]).sum(-1) for part, source in cut.sources.items()}
    bias = at_least_single(rest).clone()
    total = bias + torch.stack(list(brought.values())).sum(0)
    clean = _chosen(passed.logits[0], row, contrast)
    size = largest(passed.logits[0])  # the one in question may be near 0
    if not close(total, lead, size=size) or not close(lead, clean, size=size):
        raise ModelCapabilityError(
            f"The logits of {type(module).__name__} are not the sum of what its layers bring: off by "
            f"{float((total - clean).abs().max()):.1e} with norms, activations and gates held fixed. What is added up "
            "is changed on its way in another manner. Use input_x_gradient or integrated_gradients. alti may work too."
        )

    def through(where: Any) -> list[Tensor]:
        layers = []
        for one in watch.in_layers(where):
            output_gradient = output_gradients[projection_of(one)[0]]
            made = weighted_values(module, one, watch.block_of(one))
            layers.append(made.along(at, output_gradient)[:, one.own])
            if one.where == "decoder" or one.own == slice(None):  # of source and target together once
                bias.add_(output_gradient @ made.bias)
        return layers

    decoder, cross = through("decoder"), through("cross")
    calls = cut.calls
    first = calls[0].module
    attention = {projection_of(one)[0]: count for count, one in enumerate(decoders_attention(watch), start=1)}
    feed_forward = [torch.zeros(0, *bias.shape, dtype=bias.dtype, device=bias.device)]
    reads: list[int] = []
    for call in calls:
        parts = [p for p in call.module.modules() if p in brought and p not in attention and p is not first]
        by_state: dict[int, Tensor] = {}
        for part in parts:
            if part not in unread:
                height = cut.behind(part, attention)
                by_state[height] = by_state.get(height, 0) + brought[part]
        feed_forward += [one[None] for one in by_state.values()]
        reads += by_state
    return RowLogits(
        logits=at_least_single(lead),
        decoder=torch.stack(decoder),
        cross=torch.stack(cross) if cross else None,
        embedding=brought[first],
        feed_forward=torch.cat(feed_forward),
        feed_forward_reads=tuple(reads),
        bias=bias,
    )
