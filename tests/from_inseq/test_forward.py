"""What a model returns for a batch: from ids and from embeddings the same, in every family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import wherefrom.inseq as inseq
from wherefrom.errors import ShapeError
from wherefrom.inseq.data import Batch, BatchEmbedding, BatchEncoding, DecoderOnlyBatch, EncoderDecoderBatch

from tests.hf_adapter.architectures import CONFIGS, build

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"


def batch_of(model: Any, ids: list[list[int]], *, as_targets: bool) -> Batch:
    """Rows of ids with their embeddings."""
    tensor = torch.tensor(ids)
    mask = torch.ones_like(tensor)
    return Batch(BatchEncoding(tensor, mask), BatchEmbedding(model.embed_ids(tensor, as_targets)))


def batch_for(model: Any) -> Any:
    """A batch of two rows; the decoder's begin with padding, as those of many encoder-decoders do."""
    targets = batch_of(model, [[0, 9, 12, 30], [0, 21, 3, 17]], as_targets=model.is_encoder_decoder)
    if not model.is_encoder_decoder:
        return DecoderOnlyBatch.from_batch(targets)
    return EncoderDecoderBatch(batch_of(model, [[5, 8, 13], [34, 21, 1]], as_targets=False), targets)


def loaded(name: str) -> Any:
    """A family's tiny model, with some tokenizer: only ids are read."""
    module = build(name)
    if name == "pegasus":  # published ones scale their embeddings
        module.get_encoder().embed_scale = module.get_decoder().embed_scale = 4.0
    return inseq.load_model(module, "saliency", tokenizer=str(MODELS / "gpt2-tiny"))


@pytest.mark.parametrize("name", CONFIGS)
def test_embeddings_are_read_as_their_ids_are(name: str) -> None:
    model = loaded(name)
    batch = batch_for(model)
    with torch.no_grad():
        of_ids = model.get_forward_output(batch, use_embeddings=False).logits
        of_embeddings = model.get_forward_output(batch).logits
    torch.testing.assert_close(of_embeddings, of_ids, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["marian", "pegasus", "t5", "gpt2"])
def test_other_embeddings_are_read_and_differentiated(name: str) -> None:
    model = loaded(name)
    batch = batch_for(model)
    part = batch.targets if model.is_encoder_decoder else batch
    part.embedding.input_embeds = part.embedding.input_embeds.flip(1).requires_grad_()
    output = model.get_forward_output(batch).logits
    with torch.no_grad():
        part.encoding.input_ids = part.encoding.input_ids.flip(1)
        flipped = model.get_forward_output(batch, use_embeddings=False).logits
    torch.testing.assert_close(output, flipped, atol=1e-5, rtol=1e-4)
    (gradient,) = torch.autograd.grad(output[:, -1].sum(), part.embedding.input_embeds)
    assert bool((gradient != 0).any())
    part.embedding.input_embeds = part.embedding.input_embeds[:, :2]
    with pytest.raises(ShapeError, match="one for each id"):
        model.get_forward_output(batch)


@pytest.mark.parametrize("name, scale", [("marian", 4.0), ("pegasus", 4.0), ("gpt2", 1.0)])
def test_the_scale_of_embeddings_is_the_models(name: str, scale: float) -> None:
    model = loaded(name)
    assert model.embed_scale == scale
    ids = torch.tensor([[5, 8]])
    table = model.get_decoder().embed_tokens if model.is_encoder_decoder else model.get_embedding_layer()
    torch.testing.assert_close(model.embed_ids(ids, model.is_encoder_decoder), scale * table(ids).detach())


@pytest.mark.parametrize("name", ["marian", "gpt2"])
def test_what_is_wanted_of_both_stacks_is_returned(name: str) -> None:
    model = loaded(name)
    with torch.no_grad():
        output = model.get_forward_output(batch_for(model), output_hidden_states=True)
    states = model.get_hidden_states_dict(output)
    expected = {"encoder_hidden_states", "decoder_hidden_states"} if name == "marian" else {"hidden_states"}
    assert set(states) == expected
    assert all(len(one) == 3 for one in states.values())
