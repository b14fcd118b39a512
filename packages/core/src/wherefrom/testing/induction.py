"""An induction head with chosen weights: what came after a token before is said to come again.

Source:
    Olsson et al. (2022), "In-context Learning and Induction Heads", https://arxiv.org/abs/2209.11895.
"""

from __future__ import annotations

import numpy as np

from wherefrom.testing._blocks import AttentionWeights, Floats, MixerWeights
from wherefrom.testing._networks import AttentionNetwork, Layer
from wherefrom.testing._vocabulary import Vocabulary
from wherefrom.testing.reference import MAX_LENGTH, AttentiveModel

SHARPNESS = 40.0
"""Lead of the wanted key before the softmax: all other keys together get next to nothing."""


def induction_model(*, strength: float = 8.0) -> AttentiveModel:
    """Two layers of attention, one head each, and nothing else.

    The first copies the token before into each position; the second looks for positions whose token before is the
    present one, and says what stands there.
    """
    vocabulary = Vocabulary()
    size = len(vocabulary)
    token, before, said = slice(0, size), slice(size, 2 * size), slice(2 * size, 3 * size)
    place = slice(3 * size, 3 * size + MAX_LENGTH)
    width = 3 * size + MAX_LENGTH

    def moving(read: slice, written: slice, *, offset: int = 0) -> Floats:
        """Takes what stands in ``read`` over to ``written``, entry by entry."""
        weights = np.zeros((width, width))
        weights[read, written] = np.eye(read.stop - read.start, k=offset)
        return weights

    gain = np.sqrt(SHARPNESS * np.sqrt(width))
    previous = AttentionWeights(
        query=gain * moving(place, place, offset=-1),
        key=gain * moving(place, place),
        value=moving(token, before),
        output=np.eye(width),
        heads=1,
    )
    again = AttentionWeights(
        query=gain * moving(token, token),
        key=gain * moving(before, token),
        value=moving(token, said),
        output=np.eye(width),
        heads=1,
    )
    nothing = MixerWeights(np.zeros((width, 1)), np.zeros((1, width)))
    positions = np.zeros((MAX_LENGTH, width))
    positions[:, place] = np.eye(MAX_LENGTH)
    table = np.zeros((size, width))
    table[:, token] = np.eye(size)
    head = np.zeros((width, size))
    head[said] = strength * np.eye(size)
    network = AttentionNetwork(
        positions=positions,
        decoder=(Layer(attention=previous, mixer=nothing), Layer(attention=again, mixer=nothing)),
        head=head,
    )
    return AttentiveModel(
        kind="decoder-only",
        table=table,
        network=network,
        vocabulary=vocabulary,
        name="induction head",
        layers=2,
        heads=1,
    )
