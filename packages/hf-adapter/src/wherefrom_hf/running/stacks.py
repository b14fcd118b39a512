"""The stack of blocks of an encoder or decoder, found by what it is: the module list that most weights are in, of those
that a text runs through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import nn
from transformers import PreTrainedModel
from wherefrom.adapters import Side
from wherefrom.adapters.layers import Depth
from wherefrom.errors import ModelCapabilityError

_IDS = "input_ids"
"""What a model of transformers calls its first argument if that is a text."""


def outermost_lists(module: nn.Module) -> Iterator[tuple[str, nn.ModuleList]]:
    """Module lists that are in no other module list, with their names."""
    lists = [(name, part) for name, part in module.named_modules() if isinstance(part, nn.ModuleList)]
    names = {name for name, _ in lists}
    for name, part in lists:
        if not any(name.startswith(other + ".") for other in names):
            yield name, part


def side_of(module: PreTrainedModel, side: Side) -> nn.Module:
    """What the source, or the target, runs through: encoder, decoder, or the model that is no more than one of them."""
    if not module.config.is_encoder_decoder:
        return module
    part: nn.Module = module.get_encoder() if side == "source" else module.get_decoder()
    return part


def _lists_of_text(module: nn.Module) -> list[nn.ModuleList]:
    """Outermost module lists, but for those of models inside that read something else than ids: images, sounds."""
    others = [
        name
        for name, part in module.named_modules()
        if name and isinstance(part, PreTrainedModel) and part.main_input_name != _IDS
    ]
    return [one for name, one in outermost_lists(module) if not any(name.startswith(other + ".") for other in others)]


def stack_of(module: PreTrainedModel, side: Side) -> nn.ModuleList:
    """The blocks that the source, or the target, runs through in order.

    Raises:
        ModelCapabilityError: There is no list of blocks.
    """
    part = side_of(module, side)
    inside = part if module.config.is_encoder_decoder else module.get_decoder()
    lists = _lists_of_text(inside) or _lists_of_text(part)
    if not lists:
        raise ModelCapabilityError(
            f"{type(part).__name__} keeps its blocks in no module list, so its depth cannot be told. "
            "Name a part: target_layer=..."
        )
    return max(lists, key=lambda one: sum(parameter.numel() for parameter in one.parameters()))


def blocks_at(module: PreTrainedModel, depth: Depth) -> Mapping[Side, nn.Module]:
    """The block of each side whose answer lies at that depth; decoder-only models have a target alone."""
    sides: list[Side] = [side for side in depth.sides if side == "target" or module.config.is_encoder_decoder]
    stacks: dict[Side, nn.ModuleList] = {side: stack_of(module, side) for side in sides}
    return {side: stack[depth.block(len(stack))] for side, stack in stacks.items()}
