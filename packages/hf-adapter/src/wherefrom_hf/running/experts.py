"""A mixture of experts may be computed by a kernel that does not know the precision of the weights, or the device.

``"grouped_mm"``, which transformers takes by default, knows no float64 on the host. No pass runs then, whoever asks.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS
from wherefrom.errors import WherefromError

from wherefrom_hf.running.calling import NoPassError
from wherefrom_hf.running.eager import configs_of
from wherefrom_hf.running.parts import parts_of
from wherefrom_hf.running.trials import says_nothing


@contextmanager
def experts_named(module: PreTrainedModel) -> Iterator[None]:
    """Within the block, a pass of the module, an error of what computes its experts is told as theirs.

    Raises:
        NoPassError: As it says, and what to do.
    """
    try:
        yield
    except WherefromError:
        raise
    except Exception as error:
        kernel = None if says_nothing(error) else _kernel_of(module, error)
        if kernel is None:
            raise
        dtype = str(module.dtype).removeprefix("torch.")
        single = "Load it in float32 (dtype of model_kwargs), or let" if module.dtype == torch.float64 else "Let"
        raise NoPassError(
            f"{type(module).__name__} does not run in {dtype} on {module.device.type!r}: {kernel!r}, which computes "
            f"its experts, fails with {type(error).__name__} ({error}). {single} plain products compute them: "
            "experts_implementation='eager' in model_kwargs, or set_experts_implementation('eager') of a model that "
            "is loaded."
        ) from error


def _kernel_of(module: PreTrainedModel, error: Exception) -> str | None:
    """Name of the function for experts in which the error was raised; None: it comes from elsewhere."""
    names = {config._experts_implementation for config in configs_of(parts_of(module))}
    functions = {name: ALL_EXPERTS_FUNCTIONS[name] for name in names if name in ALL_EXPERTS_FUNCTIONS}
    kernels = {getattr(function, "__code__", None): name for name, function in functions.items()}
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return next((kernels[frame.f_code] for frame in frames if frame.f_code in kernels), None)
