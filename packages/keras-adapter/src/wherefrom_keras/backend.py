"""Keras, with JAX behind it. Keras chooses its backend when it is first imported, so this module is imported first."""

from __future__ import annotations

import os
import sys

if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", "jax")

# installed with this package only, not where the whole workspace is checked
import jax  # pyright: ignore[reportMissingImports]
import keras  # pyright: ignore[reportMissingImports]
import keras_hub  # pyright: ignore[reportMissingImports]
from wherefrom.errors import ModelLoadError

__all__ = ["jax", "keras", "keras_hub", "need_jax"]


def need_jax() -> None:
    """Refuse another backend.

    Raises:
        ModelLoadError: Keras computes with something else than JAX.
    """
    if keras.backend.backend() != "jax":
        raise ModelLoadError(
            f"Models of KerasHub are explained on the JAX backend, and Keras runs on {keras.backend.backend()!r}. Set "
            "the environment variable KERAS_BACKEND=jax before keras is imported for the first time."
        )
