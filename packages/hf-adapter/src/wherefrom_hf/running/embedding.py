"""Input embeddings: where a model makes them, at which scale, and how to put others in their place.

Substitution happens at the embedding module itself, so whatever a model does around it (scaling, positions, projection,
per-layer embeddings) happens exactly once and exactly as the model does it, with ids and with embeddings alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn
from transformers import PreTrainedModel
from wherefrom.adapters import Side
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.running.padding import pad_embeddings


@frozen(eq=False)
class InputEmbedding:
    """The module that turns ids into embeddings on one side of a model, and the factor applied behind it."""

    module: nn.Module
    scale: float

    @property
    def weight(self) -> Tensor:
        """The bare table, shape ``(vocabulary, width)``."""
        return _table_of(self.module)

    @property
    def width(self) -> int:
        """Of one embedding."""
        weight = self.weight
        own = isinstance(getattr(self.module, "weight", None), Tensor)
        return int(weight.shape[-1] if own else self.of(weight.new_zeros(1, dtype=torch.long)).shape[-1])

    def of(self, ids: Tensor) -> Tensor:
        """Scaled embeddings of ids, detached. Shape ``(*ids.shape, width)``."""
        with torch.no_grad():
            return self.module(ids) * self.scale

    @property
    def table(self) -> Tensor:
        """Scaled embeddings of the whole vocabulary, shape ``(vocabulary, width)``."""
        return self.of(torch.arange(self.weight.shape[0], device=self.weight.device))

    def laid_over(self, ids: Tensor, given: Sequence[Tensor | None]) -> Tensor | None:
        """Embeddings of padded ids, shape ``(rows, length, width)``, with those given for some rows in their place.

        None: none are given.
        """
        return None if all(one is None for one in given) else pad_embeddings(given, self.of(ids))

    @contextmanager
    def replaced_by(self, embeddings: Tensor | None) -> Iterator[None]:
        """Within the block, the module answers ``embeddings`` (scaled, as `of` gives them) to whatever it is asked.

        Where a model pads what it is given, its own padding follows them, and it may ask for that apart.
        """
        if embeddings is None:
            yield
            return

        def answer(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            length = embeddings.shape[-2]
            if output.shape[-2] < length:
                return output
            ours = embeddings / self.scale  # a new tensor in any case: some models change theirs in place
            return torch.cat([ours, output[:, length:]], dim=1) if output.shape[-2] > length else ours

        handle = self.module.register_forward_hook(answer)
        try:
            yield
        finally:
            handle.remove()


def input_embedding(stack: PreTrainedModel) -> InputEmbedding:
    """The input embedding of an encoder, a decoder or a decoder-only model.

    Some models multiply embeddings by a constant: inside the embedding module, or right behind it. Only the latter
    shows as a module that returns its bare weights next to an ``embed_scale`` of the stack around it.

    Raises:
        ModelCapabilityError: The stack names no input embedding, or has several.
    """
    module = named_embedding(stack)
    owner = next((part for part in stack.modules() if module in part.children() and hasattr(part, "embed_scale")), None)
    scale = float(getattr(owner, "embed_scale", 1.0) or 1.0)
    weight = _table_of(module)
    if scale != 1.0 and weight.device.type != "meta":
        probe = torch.zeros(1, dtype=torch.long, device=weight.device)
        with torch.no_grad():
            scaled_inside = not torch.equal(module(probe)[0], weight[0].to(module(probe).dtype))
        if scaled_inside:
            scale = 1.0
    return InputEmbedding(module, scale)


def _table_of(module: nn.Module) -> Tensor:
    """The table in which a module looks ids up: its weight, or that of the one embedding in it.

    Raises:
        ModelCapabilityError: There is none, or there are several.
    """
    weight = getattr(module, "weight", None)
    inside = [part.weight for part in module.modules() if isinstance(part, nn.Embedding)]
    if isinstance(weight, Tensor):
        return weight
    if len(inside) == 1:
        return inside[0]
    raise ModelCapabilityError(
        f"The input embedding is a {type(module).__name__} without a weight, and with {len(inside)} tables in it; "
        "expected one (nn.Embedding), as long as the vocabulary. Give set_input_embeddings a module that has one."
    )


def input_embeddings(module: PreTrainedModel) -> tuple[InputEmbedding | None, InputEmbedding]:
    """Those of the encoder, where there is one, and of the decoder.

    Raises:
        ModelCapabilityError: See `input_embedding`.
    """
    if not module.config.is_encoder_decoder:
        return None, input_embedding(module)
    return input_embedding(module.get_encoder()), input_embedding(module.get_decoder())


@contextmanager
def embeddings_given(
    module: PreTrainedModel, side: Side, ids: Tensor, given: Sequence[Tensor | None]
) -> Iterator[None]:
    """Within the block, one side of a model reads the embeddings given for some rows of ``ids``, if any are."""
    if all(one is None for one in given):
        yield
        return
    source, target = input_embeddings(module)
    embedding = source if side == "source" and source is not None else target
    with embedding.replaced_by(embedding.laid_over(ids, given)):
        yield


def named_embedding(stack: Any) -> nn.Module:
    """The module that a stack says turns ids into embeddings.

    Raises:
        ModelCapabilityError: It names none, or several.
    """
    try:
        module = stack.get_input_embeddings()
    except (AttributeError, NotImplementedError):
        module = getattr(stack, "embed_tokens", None)  # encoders and decoders that are no models by themselves
    if isinstance(module, nn.Module) and not isinstance(module, nn.ModuleList):
        return module
    found = "several" if isinstance(module, nn.ModuleList) else "none"
    raise ModelCapabilityError(
        f"{type(stack).__name__} names {found} where one input embedding is expected (get_input_embeddings()), so what "
        "it reads cannot be attributed. Use a model that reads one token at each position."
    )
