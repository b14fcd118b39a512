"""Tensor functions under inseq's names."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import safetensors.torch
import torch
from torch import Tensor, nn

from wherefrom.errors import InputError, SettingsError, WherefromWarning

OneOrTwo = Tensor | tuple[Tensor, ...]
TORCH_BACKEND_DEVICE_MAP = {"cpu": torch.cpu, "cuda": torch.cuda, "mps": torch.backends.mps}


def get_default_device() -> str:
    """``"cuda"`` where there is one, else ``"cpu"``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def check_device(device_name: str) -> bool:
    """Is the device there?

    Raises:
        SettingsError: It is no name of a device.
    """
    try:
        kind = torch.device(device_name).type
    except RuntimeError as error:
        raise SettingsError(f"{device_name!r} is no device: expected cpu, cuda, cuda:1 or mps.") from error
    return {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}.get(kind, False)


def normalize(attributions: OneOrTwo, dim: int = 0, norm_ord: int = 1) -> OneOrTwo:
    """Scores divided along ``dim`` by their norm, over all given tensors together; NaN counts as 0 and stays."""
    parts = attributions if isinstance(attributions, tuple) else (attributions,)
    whole = torch.cat(parts, dim=dim)
    norm = torch.linalg.vector_norm(torch.nan_to_num(whole), ord=norm_ord, dim=dim, keepdim=True)
    share = whole / torch.where(norm > 0, norm, torch.ones_like(norm))
    done: tuple[Tensor, ...] = torch.split(share, [part.shape[dim] for part in parts], dim=dim)
    return done if isinstance(attributions, tuple) else done[0]


def rescale(attributions: OneOrTwo) -> OneOrTwo:
    """Scores divided by the largest magnitude among all given tensors; zeros stay, NaN counts as 0 and stays."""
    parts = attributions if isinstance(attributions, tuple) else (attributions,)
    bound = max((float(torch.nan_to_num(part).abs().max()) for part in parts if part.numel()), default=0.0)
    done = tuple(part / (bound or 1.0) for part in parts)
    return done if isinstance(attributions, tuple) else done[0]


def euclidean_distance(vec_a: Tensor, vec_b: Tensor) -> Tensor:
    """Distance over the last dimension."""
    distance: Tensor = torch.linalg.vector_norm(vec_a - vec_b, dim=-1)
    return distance


def top_p_logits_mask(logits: Tensor, top_p: float, min_tokens_to_keep: int) -> Tensor:
    """True at the tokens that the smallest set of probability ``top_p`` leaves out. Shape of ``logits``."""
    ordered, order = logits.sort(dim=-1, descending=True)
    before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
    out = before >= top_p
    out[..., :min_tokens_to_keep] = False
    return torch.zeros_like(out).scatter(-1, order, out)


def top_k_logits_mask(logits: Tensor, top_k: int, min_tokens_to_keep: int) -> Tensor:
    """True at all but the ``top_k`` largest logits. Shape of ``logits``."""
    kept = min(max(top_k, min_tokens_to_keep), logits.shape[-1])
    return logits < logits.topk(kept, dim=-1).values[..., -1:]


def get_logits_from_filter_strategy(
    filter_strategy: Literal["original", "contrast", "merged"] | None,
    original_logits: Tensor,
    contrast_logits: Tensor | None = None,
) -> Tensor:
    """The logits that decide which tokens stay.

    Raises:
        SettingsError: The contrast is asked for and there is none.
    """
    if filter_strategy in (None, "original"):
        return original_logits
    if contrast_logits is None:
        raise SettingsError(f"filter_strategy={filter_strategy!r} needs contrast_logits.")
    return contrast_logits if filter_strategy == "contrast" else original_logits + contrast_logits


def filter_logits(
    original_logits: Tensor,
    contrast_logits: Tensor | None = None,
    top_p: float = 1.0,
    top_k: int = 0,
    min_tokens_to_keep: int = 1,
    filter_strategy: Literal["original", "contrast", "merged"] | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Logits with -inf at the tokens that ``top_p`` and ``top_k`` leave out; with a contrast the sum decides."""
    if filter_strategy is None and contrast_logits is not None:
        filter_strategy = "merged"
    deciding = get_logits_from_filter_strategy(filter_strategy, original_logits, contrast_logits)
    out = torch.zeros_like(deciding, dtype=torch.bool)
    if top_p < 1.0:
        out |= top_p_logits_mask(deciding, top_p, min_tokens_to_keep)
    if top_k > 0:
        out |= top_k_logits_mask(deciding.masked_fill(out, -torch.inf), top_k, min_tokens_to_keep)
    kept = original_logits.masked_fill(out, -torch.inf)
    return kept if contrast_logits is None else (kept, contrast_logits.masked_fill(out, -torch.inf))


def aggregate_contiguous(
    t: Tensor,
    spans: Sequence[tuple[int, int]],
    aggregate_fn: Callable[..., Tensor] | None = None,
    aggregate_dim: int = 0,
) -> Tensor:
    """The tensor with each span of ``aggregate_dim`` made one entry; others stay.

    Args:
        aggregate_fn: Called as ``fn(part, dim=...)``; default: the mean.
    """
    reduce = aggregate_fn or torch.mean
    parts, begin = [], 0
    for start, end in sorted(spans):
        parts.append(t.narrow(aggregate_dim, begin, start - begin))
        parts.append(reduce(t.narrow(aggregate_dim, start, end - start), dim=aggregate_dim).unsqueeze(aggregate_dim))
        begin = end
    parts.append(t.narrow(aggregate_dim, begin, t.shape[aggregate_dim] - begin))
    return torch.cat(parts, dim=aggregate_dim)


def get_front_padding(t: Tensor, pad: int = 0, dim: int = 1) -> list[int]:
    """How many entries at the front of each row are ``pad``."""
    return (t != pad).int().argmax(dim).tolist()


def pad_with_nan(t: Tensor, dim: int, pad_size: int, front: bool = False) -> Tensor:
    """The tensor with ``pad_size`` more entries of NaN along ``dim``."""
    shape = list(t.shape)
    shape[dim] = pad_size
    filling = t.new_full(shape, float("nan"))
    return torch.cat([filling, t] if front else [t, filling], dim=dim)


def get_sequences_from_batched_steps(
    bsteps: list[Tensor], padding_dims: Sequence[int] = (), stack_dim: int = 2
) -> list[Tensor]:
    """Steps of a batch as one tensor per sequence: steps are stacked at ``stack_dim``, ends of dimensions filled."""
    for dim in padding_dims:
        longest = max(step.shape[dim] for step in bsteps)
        bsteps = [pad_with_nan(s, dim, longest - s.shape[dim]) if s.shape[dim] < longest else s for s in bsteps]
    return list(torch.stack(bsteps, dim=stack_dim).unbind(0))


def remap_from_filtered(original_shape: tuple[int, ...], mask: Tensor, filtered: Tensor) -> Tensor:
    """Rows of ``filtered`` at the places that ``mask`` names, NaN elsewhere."""
    whole = filtered.new_full((original_shape[0], *filtered.shape[1:]), float("nan"), dtype=torch.float32)
    whole[mask.reshape(-1).bool()] = filtered.float()
    return whole


def validate_indices(
    scores: Tensor, dim: int = -1, indices: int | list[int] | tuple[int, int] | None = None
) -> int | Tensor:
    """Indices into ``dim`` as one number, or as a tensor: a pair is a range, a list its members, None all.

    Raises:
        InputError: They reach outside, are empty or name an entry twice.
    """
    size = scores.shape[dim]
    if isinstance(indices, int):
        wanted = [indices]
    elif isinstance(indices, tuple) and len(indices) == 2:
        wanted = list(range(*slice(*indices).indices(size)))
    else:
        wanted = list(range(size)) if indices is None else list(indices)
    if not wanted or any(not -size <= index < size for index in wanted):
        raise InputError(f"Indices {indices!r} do not fit an axis of {size}.")
    found = [index % size for index in wanted]
    if len(set(found)) != len(found):
        raise InputError(f"Indices {indices!r} name an entry of an axis of {size} twice.")
    return found[0] if isinstance(indices, int) else torch.tensor(found)


def recursive_get_submodule(parent: nn.Module, target: str) -> nn.Module | None:
    """The first part whose last name is ``target``."""
    return next((part for name, part in parent.named_modules() if name.rpartition(".")[2] == target), None)


def find_block_stack(module: nn.Module) -> nn.ModuleList:
    """The first list of blocks under a model.

    Raises:
        InputError: There is none.
    """
    for part in module.modules():
        if isinstance(part, nn.ModuleList):
            return part
    raise InputError(f"{type(module).__name__} has no list of blocks (torch.nn.ModuleList).")


def convert_to_safetensor(tensor: Tensor, scores_precision: str = "float32") -> bytes:
    """The bytes of a safetensors file with one tensor called ``attribution``."""
    if scores_precision == "float8":
        full, tensor = tensor, tensor.to(torch.float8_e4m3fn)
        lost = int(((full != 0) & (tensor.float() == 0)).sum())
        if lost:
            warnings.warn(
                f"{lost} of {full.numel()} scores are too small for float8, which has no scale in inseq's files, and "
                "are 0 there. Save with scores_precision='float16' or 'float32'.",
                WherefromWarning,
                stacklevel=2,
            )
    elif scores_precision in ("float16", "float32"):
        tensor = tensor.to(torch.float16 if scores_precision == "float16" else torch.float32)
    else:
        raise SettingsError(f"scores_precision={scores_precision!r}: expected float32, float16 or float8.")
    return safetensors.torch.save({"attribution": tensor.contiguous()})


def convert_from_safetensor(safetensor: bytes) -> Tensor:
    """The tensor of `convert_to_safetensor`, as float32."""
    return safetensors.torch.load(safetensor)["attribution"].to(torch.float32)


def postprocess_attribution_scores(func: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a function of one tensor, applied to one or to each of several."""

    def wrapped(attributions: OneOrTwo, *args: Any, **kwargs: Any) -> Any:
        if isinstance(attributions, tuple):
            return tuple(func(part, *args, **kwargs) for part in attributions)
        return func(attributions, *args, **kwargs)

    return wrapped
