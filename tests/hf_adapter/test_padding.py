"""Rows of different lengths side by side."""

from __future__ import annotations

import torch
from wherefrom_hf.running.padding import pad_embeddings


def test_embeddings_of_a_single_row_are_not_copied() -> None:
    given, defaults = torch.randn(7, 3), torch.zeros(1, 5, 3)
    laid = pad_embeddings([given], defaults)
    assert torch.equal(laid, given[None, :5])
    assert laid.data_ptr() == given.data_ptr()
    assert torch.equal(pad_embeddings([given[:4]], defaults)[0], torch.cat([given[:4], torch.zeros(1, 3)]))
    assert torch.equal(pad_embeddings([None, given], defaults.repeat(2, 1, 1))[1], given[:5])
