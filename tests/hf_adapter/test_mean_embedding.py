"""The mean embedding: taken once in a call, and never from weights that are gone."""

from __future__ import annotations

import numpy as np
import torch
import wherefrom
from wherefrom.arrays import to_numpy


def test_taken_once_in_a_call_and_anew_in_the_next() -> None:
    torch.set_num_threads(1)
    model = wherefrom.load_model("demo:lm", device="cpu").adapter
    with model.reserved():
        first = model.mean_embedding(side="target")
        with model.reserved():
            assert model.mean_embedding(side="target") is first
    weight = model.module.get_input_embeddings().weight
    weight.data.mul_(2.0)  # leaves no trace in the tensor's version
    np.testing.assert_allclose(to_numpy(model.mean_embedding(side="target")), 2 * to_numpy(first), rtol=1e-6)
    expected = to_numpy(model.embedding_table(side="target")).mean(axis=0)
    np.testing.assert_allclose(to_numpy(model.mean_embedding(side="target")), expected, rtol=1e-4, atol=1e-7)
