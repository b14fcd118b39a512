"""What a model reads otherwise by how long the whole sequence is.

A step is predicted from its prefix, so a model says of it what it says of the prefix alone. In one pass over more, the
model is told the length of more. Most do not mind. Some turn their states by other frequencies once a text is longer
than they were first made for ("longrope"), or by others at each such length ("dynamic"); some select keys in blocks
then. Their steps are asked for in passes of one kind of length each, behind the change none of which goes on from a
cache.

Source: Ding et al. 2024, https://arxiv.org/abs/2402.13753 (two sets of factors); Zaheer et al. 2020,
https://arxiv.org/abs/2007.14062 (attention in blocks).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from attrs import evolve, frozen
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from wherefrom.adapters import Row, RowGradients, RowPrediction, Side
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.running.as_built import kept_as_built, put_back
from wherefrom_hf.running.padding import read_length
from wherefrom_hf.running.parts import parts_of

A = TypeVar("A")


@frozen
class Change:
    """A length behind which a model reads otherwise."""

    behind: int
    each: bool
    """Is every length behind it read in a way of its own?"""

    def kind(self, length: int) -> int:
        """Lengths of one kind are read alike."""
        if length <= self.behind:
            return 0
        return length if self.each else 1


@frozen
class Lengths:
    """Where a model begins to read otherwise."""

    target: frozenset[Change]
    source: frozenset[Change]
    """Of its encoder, if it has one."""

    def __bool__(self) -> bool:
        return bool(self.target or self.source)

    def is_short(self, length: int) -> bool:
        """Is a target so long read as all shorter ones are?"""
        return all(length <= change.behind for change in self.target)

    def alike(self, side: Side, one: int, other: int) -> bool:
        """Are texts of two lengths read alike on a side?"""
        changes = self.source if side == "source" else self.target
        return _kind(changes, one) == _kind(changes, other)

    def kind(self, row: Row) -> Hashable:
        """Rows of one kind may be run together."""
        source = 0 if row.source_ids is None else len(row.source_ids)
        return _kind(self.target, read_length(row)), _kind(self.source, source)

    def pieces(self, row: Row) -> list[Row]:
        """The row for its steps of each kind, in order; the row itself where they are all of one."""
        if not self.target:
            return [row]
        kinds = [_kind(self.target, int(step)) for step in row.steps]
        starts = [index for index, kind in enumerate(kinds) if not index or kind != kinds[index - 1]]
        if len(starts) < 2:
            return [row]
        ends = [*starts[1:], len(kinds)]
        return [_at(row, np.arange(start, end)) for start, end in zip(starts, ends, strict=True)]


_NONE = Lengths(frozenset(), frozenset())
_lengths: WeakKeyDictionary[nn.Module, Lengths] = kept_as_built(WeakKeyDictionary())


def lengths_of(module: PreTrainedModel) -> Lengths:
    """Where the model begins to read otherwise."""
    if module not in _lengths:
        source: frozenset[Change] = frozenset()
        target = frozenset(_changes(parts_of(module)))
        if target and module.config.is_encoder_decoder:
            source = frozenset(_changes(parts_of(module.get_encoder())))
            target = frozenset(_changes(parts_of(module.get_decoder())))
        _lengths[module] = Lengths(target, source) if target or source else _NONE
    return _lengths[module]


def by_length(
    module: PreTrainedModel,
    rows: Iterable[Row],
    ask: Callable[[Iterable[Row]], Iterator[A]],
    join: Callable[[Row, list[A]], A] | None = None,
) -> Iterator[A]:
    """Answers of ``ask`` for rows of one kind of length at a time, in order.

    Args:
        join: Makes the answer to a row of those to its steps of each kind. None: each row has steps of one kind.
    """
    lengths = lengths_of(module)
    if not lengths:
        yield from ask(rows)
        return
    waiting: deque[tuple[Row, int]] = deque()

    def pieces() -> Iterator[Row]:
        for row in rows:
            some = lengths.pieces(row)
            waiting.append((row, len(some)))
            yield from some

    answers: list[A] = []
    for _, group in groupby(pieces(), key=lengths.kind):
        for answer in ask(group):
            answers.append(answer)
            row, count = waiting[0]
            if len(answers) < count:
                continue
            waiting.popleft()
            done, answers = answers, []
            yield done[0] if join is None or count == 1 else join(row, done)


def each_of_one_kind(module: PreTrainedModel, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, as long as each has steps of one kind of length.

    Raises:
        ModelCapabilityError: One has not.
    """
    for row in rows:
        need_one_kind(module, row)
        yield row


def at_once(module: PreTrainedModel, chunk: int | None) -> int | None:
    """How many rows whose lengths are not looked at may be run together, where ``chunk`` are asked for."""
    return 1 if lengths_of(module) else chunk


def need_one_kind(module: PreTrainedModel, row: Row) -> None:
    """Refuse a row that the model reads in several ways.

    Raises:
        ModelCapabilityError: As it says.
    """
    lengths = lengths_of(module)
    if len(lengths.pieces(row)) == 1:
        return
    least = min(change.behind for change in lengths.target)
    each = any(change.each for change in lengths.target)
    way_out = "for one step at a time" if each else f"for the steps up to {least} and for those behind it in two calls"
    raise ModelCapabilityError(
        f"{type(module).__name__} reads texts of more than {least} tokens otherwise than shorter ones"
        f"{', and each length in its own way' if each else ''}: no single pass, which this method needs, says steps "
        f"{row.steps[0]} to {row.steps[-1]} as their prefixes alone are read. Ask {way_out} (attr_pos_start, "
        "attr_pos_end), or use a method that takes each step as it is said: saliency, integrated_gradients, occlusion."
    )


def predictions_joined(row: Row, answers: list[RowPrediction]) -> RowPrediction:
    """The predictions of all steps of a row."""
    return RowPrediction(
        logits=torch.cat([torch.as_tensor(one.logits) for one in answers]),
        scores={name: torch.cat([torch.as_tensor(one.scores[name]) for one in answers]) for name in answers[0].scores},
    )


def gradients_joined(row: Row, answers: list[RowGradients]) -> RowGradients:
    """The gradients of all outputs of a row, of those of its steps."""
    function = row.target_function
    assert function is not None

    def grouped(parts: list[Any]) -> Any:
        if any(part is None for part in parts):
            return None
        if parts[0].ndim == 1:
            return function.grouped(torch.cat(parts))
        longest = max(part.shape[1] for part in parts)  # a step's own cannot see further than it
        whole = torch.cat([nn.functional.pad(part, (0, 0, 0, longest - part.shape[1])) for part in parts])
        return function.grouped(whole.flatten(1)).unflatten(1, whole.shape[1:])

    return RowGradients(
        values=grouped([one.values for one in answers]),
        target=grouped([one.target for one in answers]),
        source=grouped([one.source for one in answers]),
        scores={name: torch.cat([one.scores[name] for one in answers]) for name in answers[0].scores},
    )


@contextmanager
def afresh(module: PreTrainedModel) -> Iterator[None]:
    """Within the block the module runs as if it had read nothing yet; behind it, it is as it was."""
    with put_back(module):
        lengths = lengths_of(module)
        if any(change.each for change in lengths.target | lengths.source):
            for part in parts_of(module):
                for beginning, _ in _rotations(part, "dynamic"):
                    _forget_longest(part, beginning)
        yield


def _forget_longest(part: nn.Module, beginning: str) -> None:
    """Frequencies of the length that a part was made for."""
    kept, name = {**part.__dict__, **part._buffers}, f"{beginning}inv_freq"
    now, original = kept.get(name), kept.get(f"{beginning}original_inv_freq")
    if isinstance(now, torch.Tensor) and isinstance(original, torch.Tensor):
        part._buffers[name] = original.to(now.device)
    for name in (f"{beginning}max_seq_len_cached", "max_seq_len_cached"):
        if name in part.__dict__:
            part.__dict__[name] = part.__dict__["original_max_seq_len"]


def _kind(changes: frozenset[Change], length: int) -> frozenset[tuple[Change, int]]:
    return frozenset((change, change.kind(length)) for change in changes)


def _at(row: Row, index: np.ndarray) -> Row:
    """A row for some of its steps, one output each."""
    return evolve(
        row,
        steps=row.steps[index],
        target_function=None if row.target_function is None else row.target_function.at(index),
        scores={name: score.at(index) for name, score in row.scores.items()},
    )


def _changes(parts: Iterable[nn.Module]) -> Iterator[Change]:
    for part in parts:
        for _, settings in _rotations(part, "longrope"):
            yield Change(int(settings["original_max_position_embeddings"]), each=False)
        for _, settings in _rotations(part, "dynamic"):
            yield Change(int(settings["original_max_seq_len"]), each=True)
        if part.__dict__.get("attention_type") == "block_sparse":
            config = part.__dict__.get("config")
            if isinstance(config, PreTrainedConfig):  # the blocks that each query selects, and room for them
                own = vars(config)
                yield Change((5 + 2 * own["num_random_blocks"]) * own["block_size"], each=True)


def _rotations(part: nn.Module, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rotations of a part whose frequencies hang on the length: what the names of their attributes begin with, and
    their settings."""
    kinds, config = part.__dict__.get("rope_type"), part.__dict__.get("config")
    if kinds is None or not isinstance(config, PreTrainedConfig):
        return
    parameters = vars(config).get("rope_parameters") or {}
    for layer, own in (kinds if isinstance(kinds, dict) else {None: kinds}).items():
        if kind in str(own):
            settings = {**vars(config), **part.__dict__, **(parameters if layer is None else parameters[layer])}
            yield "" if layer is None else f"{layer}_", settings
