"""Models whose attributions are known beforehand."""

from __future__ import annotations

from typing import Literal

import numpy as np

from wherefrom.testing._blocks import Floats
from wherefrom.testing._networks import LinearNetwork
from wherefrom.testing._vocabulary import Vocabulary
from wherefrom.testing.reference import MAX_LENGTH, NumpyModel

Kind = Literal["decoder-only", "encoder-decoder"]


def linear_model(kind: Kind = "decoder-only", *, width: int = 6, seed: int = 0) -> NumpyModel:
    """Logits are a sum of position weights times embeddings.

    For the logit of a token, gradient × input, integrated gradients from zero, DeepLIFT, occlusion with zero
    and Shapley values all equal ``weight[i, j] · embedding[j] @ head[:, token]``; see `linear_share`.
    """
    rng = np.random.default_rng(seed)
    vocabulary = Vocabulary()
    network = LinearNetwork(
        own=np.tril(0.3 * rng.normal(size=(MAX_LENGTH, MAX_LENGTH))),
        cross=0.3 * rng.normal(size=(MAX_LENGTH, MAX_LENGTH)) if kind == "encoder-decoder" else None,
        head=rng.normal(size=(width, len(vocabulary))),
        bias=rng.normal(size=len(vocabulary)),
    )
    table = rng.normal(size=(len(vocabulary), width))
    return NumpyModel(kind=kind, table=table, network=network, vocabulary=vocabulary, name=f"linear ({kind})")


def linear_share(
    model: NumpyModel, weights: Floats, embeddings: Floats, steps: list[int], target_ids: list[int]
) -> Floats:
    """What each position adds to the logit of each step's token, in closed form.

    Args:
        model: A model of `linear_model`.
        weights: ``model.network.own`` or ``.cross``.
        embeddings: Of the positions in question (or their difference from a baseline), shape ``(inputs,
            width)``.

    Returns:
        Shape ``(inputs, steps, width)``; sum over the width for one number per token.
    """
    assert isinstance(model.network, LinearNetwork)
    columns = model.network.head[:, target_ids]
    shares: Floats = np.stack(
        [weights[step - 1, : len(embeddings), None] * embeddings * columns[:, j] for j, step in enumerate(steps)],
        axis=1,
    )
    return shares


def shift_copy_model(kind: Kind = "decoder-only", *, shift: int = 2, strength: float = 6.0) -> NumpyModel:
    """A model that repeats what it read ``shift`` tokens before, and looks at nothing else.

    Decoder-only: step ``t`` repeats the target's token ``t - shift``. Encoder-decoder: it repeats token ``t -
    shift`` of the source. Only that token may get a score.

    Raises:
        ValueError: ``shift`` is below 1.
    """
    if shift < 1:
        raise ValueError(f"A model cannot copy from {shift} tokens back. Choose a shift of at least 1.")
    vocabulary = Vocabulary()
    diagonal = strength * np.eye(MAX_LENGTH, k=-(shift - 1))
    nothing = np.zeros((MAX_LENGTH, MAX_LENGTH))
    network = LinearNetwork(
        own=nothing if kind == "encoder-decoder" else diagonal,
        cross=diagonal if kind == "encoder-decoder" else None,
        head=np.eye(len(vocabulary)),
    )
    return NumpyModel(
        kind=kind,
        table=np.eye(len(vocabulary)),
        network=network,
        vocabulary=vocabulary,
        name=f"shift-copy ({kind})",
    )
