"""Who a model is and what its limits are."""

from __future__ import annotations

from typing import Literal

import msgspec

STAND_INS = ("unk", "pad", "mask")
"""Special tokens that may stand in the place of others, by the names of the ``baseline`` settings."""


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """Who the model is and what its limits are."""

    name: str
    """Hub id, path or ``demo:lm``; the class name for a model object without one."""
    kind: Literal["decoder-only", "encoder-decoder"]
    model_class: str = ""
    tokenizer_name: str = ""
    tokenizer_class: str = ""
    framework: str = ""
    """What `load_model` loads it by (``framework=...``). An adapter need not say it: results take it from the call that
    loaded the model, and where that was given an object, from here."""
    revision: str | None = None
    """Commit hash from the hub, or a hash of the weights."""
    dtype: str = "float32"
    device: str = "cpu"
    layers: int = 0
    heads: int = 0
    width: int = 0
    """Size of one input embedding."""
    vocabulary: int = 0
    bos_id: int | None = None
    eos_ids: tuple[int, ...] = ()
    pad_id: int | None = None
    unk_id: int | None = None
    """Id of the unknown token; where a tokenizer has none, the id that stands in for it."""
    mask_id: int | None = None
    decoder_start_id: int | None = None
    """First id of an encoder-decoder's target."""
    max_length: int | None = None
    """Longest sequence the model can read, in tokens; None if unlimited or unknown."""
    made_for: int | None = None
    """Longest sequence it says it was made for; it may read longer ones (rotations, relative positions)."""
    versions: dict[str, str] = {}
    """Versions of the libraries the adapter computes with."""

    @property
    def stand_ins(self) -> dict[str, int]:
        """The ids of `STAND_INS`, of those that the tokenizer has."""
        ids = zip(STAND_INS, (self.unk_id, self.pad_id, self.mask_id), strict=True)
        return {name: index for name, index in ids if index is not None}

    @property
    def special_ids(self) -> frozenset[int]:
        """Ids of all tokens that have a part to play, or stand in for others."""
        single = (self.bos_id, self.decoder_start_id, *self.stand_ins.values())
        return frozenset({*self.eos_ids, *(index for index in single if index is not None)})

    def loaded_by(self, framework: str) -> ModelCard:
        """The card of a model that was loaded by a framework's name; as it is where there is none."""
        return msgspec.structs.replace(self, framework=framework) if framework else self
