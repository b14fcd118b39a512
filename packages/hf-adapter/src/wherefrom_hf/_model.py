"""A transformers model that satisfies core's Protocols. Each capability is one line that hands over to its module."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, TypeVar

import msgspec
import torch
import transformers
from attrs import evolve
from torch import Tensor
from transformers import PreTrainedModel
from wherefrom.adapters import Encoding, ModelCard, Row, RowAttention, RowGradients, RowPrediction, Side
from wherefrom.adapters.attention_gradients import RowRollout
from wherefrom.adapters.gradient_rules import GradientRules
from wherefrom.adapters.head_terms import RowHeadTerms
from wherefrom.adapters.internals import RowLogits, RowTerms, RowZeroing
from wherefrom.adapters.layers import LayerGradients, LayerStates
from wherefrom.adapters.rescale import RowMultipliers
from wherefrom.arrays import IntArray
from wherefrom.errors import SettingsError
from wherefrom.text.tokens import Token

from wherefrom_hf._loading import DEMO_PREFIX, Loaded
from wherefrom_hf.inside.attention import attentions
from wherefrom_hf.inside.attention_gradients import attention_gradient_rollouts
from wherefrom_hf.inside.attention_watch import asks_the_interface
from wherefrom_hf.inside.decomposition import attention_terms
from wherefrom_hf.inside.deeplift import rescaled_gradients
from wherefrom_hf.inside.gradient_rules import ruled_gradients
from wherefrom_hf.inside.head_terms import head_terms
from wherefrom_hf.inside.layers import layer_gradients, layer_states
from wherefrom_hf.inside.logit_terms import logit_terms
from wherefrom_hf.inside.value_zeroing import zeroed_values
from wherefrom_hf.running.as_built import build_number
from wherefrom_hf.running.attention_kernel import FUSED, KERNEL
from wherefrom_hf.running.embedding import InputEmbedding, input_embeddings
from wherefrom_hf.running.fingerprint import fingerprint
from wherefrom_hf.running.gradients import Differentiator
from wherefrom_hf.running.heads import most_heads
from wherefrom_hf.running.lengths import by_length, each_of_one_kind, gradients_joined, lengths_of
from wherefrom_hf.running.memory import as_bytes
from wherefrom_hf.running.ownership import one_by_one, reserved
from wherefrom_hf.running.placement import move, parse_device, pinned
from wherefrom_hf.running.positions import limits_of
from wherefrom_hf.running.precision import at_least_single
from wherefrom_hf.running.predict import Predictor
from wherefrom_hf.running.probe import need_same
from wherefrom_hf.running.randomising import shuffled
from wherefrom_hf.running.samples import sample
from wherefrom_hf.text.generation import generate
from wherefrom_hf.text.sentence_encoder import token_vectors
from wherefrom_hf.text.special_tokens import SpecialTokens, special_tokens
from wherefrom_hf.text.tokenizer import TextCoder

T = TypeVar("T")


class HFModel:
    """A decoder-only or encoder-decoder model of transformers, behind `wherefrom.adapters`.

    The module stays the user's: what a pass needs of it (evaluation mode, hooks, an attention implementation) is there
    for the pass and put back, and one thread at a time may ask. Facts that may change (dtype, device, vocabulary,
    special tokens, embeddings) are read when they are needed.
    """

    hides_positions = True

    def __init__(self, loaded: Loaded, memory_limit: int | str | None = None) -> None:
        self.module: PreTrainedModel = loaded.module
        self.tokenizer = loaded.tokenizer
        config = self.module.config
        text = config.get_text_config(decoder=True)
        self._chat_template_kwargs = loaded.chat_template_kwargs
        self._memory_limit = as_bytes(memory_limit)
        self._asked: Differentiator | None = None
        self._derived: dict[Hashable, Any] | None = None
        """What is derived from the weights, by name; None: the model is not reserved."""
        limits = limits_of(self.module, self.tokenizer.model_max_length)
        self._card = ModelCard(
            name=loaded.name,
            kind="encoder-decoder" if config.is_encoder_decoder else "decoder-only",
            model_class=type(self.module).__name__,
            tokenizer_name=loaded.name if loaded.name.startswith(DEMO_PREFIX) else str(self.tokenizer.name_or_path),
            tokenizer_class=type(self.tokenizer).__name__,
            framework="hf_transformers",
            versions={"torch": str(torch.__version__), "transformers": transformers.__version__},
            revision=getattr(config, "_commit_hash", None),
            layers=int(getattr(text, "num_hidden_layers", 0) or 0),
            heads=most_heads(text),
            max_length=limits.most,
            made_for=limits.made_for,
        )

    @property
    def card(self) -> ModelCard:
        """Who the model is; see `wherefrom.adapters.ModelCard`."""
        special = self._special
        return msgspec.structs.replace(
            self._card,
            bos_id=special.bos,
            eos_ids=special.eos,
            pad_id=special.pad,
            unk_id=special.unk,
            mask_id=special.mask,
            decoder_start_id=special.decoder_start,
            dtype=str(self.module.dtype).removeprefix("torch."),
            device=str(self.device),
            width=self._as_looked_at().predictor.target.width,
            vocabulary=int(self.module.config.get_text_config(decoder=True).vocab_size),
        )

    @property
    def _special(self) -> SpecialTokens:
        return special_tokens(self.module, self.tokenizer)

    @property
    def _coder(self) -> TextCoder:
        return TextCoder(self.tokenizer, self._special.decoder_start, self._chat_template_kwargs)

    @property
    def device(self) -> torch.device:
        """Where the input embeddings live."""
        return self._as_looked_at().predictor.device

    @property
    def _differentiator(self) -> Differentiator:
        """What asks the module as it is built now."""
        with reserved(self.module):
            return self._as_looked_at()

    def _as_looked_at(self) -> Differentiator:
        """What asks the module as it was built when it was looked at last, and as its embeddings are now (they may have
        been resized)."""
        known, build = self._asked, build_number(self.module)
        if known is None or known.build != build or not known.predictor.reads_embeddings_of(self.module):
            predictor = Predictor(self.module, *input_embeddings(self.module), self._special.pad, self._memory_limit)
            known = self._asked = Differentiator(predictor, build)
        return known

    @property
    def _predictor(self) -> Predictor:
        return self._differentiator.predictor

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """See `wherefrom.adapters.Reserves.reserved`. What is derived from the weights is kept that long, no longer:
        between two calls they may change in ways that leave no trace."""
        with reserved(self.module), self._deriving() if self._derived is None else nullcontext():
            yield

    @contextmanager
    def _deriving(self) -> Iterator[None]:
        """Within the block nothing is derived from the weights yet; behind it, what was before."""
        before, self._derived = self._derived, {}
        try:
            yield
        finally:
            self._derived = before

    def _once(self, name: Hashable, derive: Callable[[], T]) -> T:
        """What is derived from the weights, as long as the model is reserved."""
        assert self._derived is not None
        if name not in self._derived:
            self._derived[name] = derive()
        found: T = self._derived[name]
        return found

    def to(self, device: str) -> None:
        """Move the model to another device, all of it or nothing.

        Raises:
            SettingsError: The model is quantised or spread by ``device_map``, or there is no such device.
            ModelLoadError: It cannot be moved there.
        """
        target = parse_device(device)
        with self.reserved():
            if pinned(self.module) and target != self.device:
                raise SettingsError(
                    f"{self._card.name} is quantised or spread by device_map and stays on {self.device}. "
                    "Leave device out, or load the model on that device."
                )
            if not pinned(self.module):
                move(self.module, target)

    def encode(
        self,
        text: str | Sequence[Mapping[str, str]],
        *,
        side: Side,
        add_special_tokens: bool = True,
        decoder_prefix: bool = False,
    ) -> Encoding:
        """See `wherefrom.adapters.SequenceModel.encode`."""
        return self._coder.encode(text, side=side, add_special_tokens=add_special_tokens, decoder_prefix=decoder_prefix)

    def encode_with_documents(
        self, chat: Sequence[Mapping[str, str]], documents: Sequence[Mapping[str, str]]
    ) -> Encoding:
        """See `wherefrom.adapters.PlacesDocuments.encode_with_documents`."""
        return self._coder.encode(
            chat, side="target", add_special_tokens=False, decoder_prefix=False, documents=documents
        )

    def tokens(self, ids: IntArray, *, side: Side) -> tuple[Token, ...]:
        """See `wherefrom.adapters.SequenceModel.tokens`."""
        return self._coder.tokens(ids)

    def decode(self, ids: IntArray, *, skip_special_tokens: bool = True) -> str:
        """See `wherefrom.adapters.SequenceModel.decode`."""
        return self._coder.decode(ids, skip_special_tokens=skip_special_tokens)

    def generate(
        self,
        prompts: Sequence[IntArray],
        *,
        decoder_prefixes: Sequence[IntArray] | None = None,
        settings: Mapping[str, Any],
        seed: int | None = None,
    ) -> list[list[IntArray]]:
        """See `wherefrom.adapters.SequenceModel.generate`."""
        mixed = len({len(prompt) for prompt in prompts}) > 1
        with self.reserved():
            together = not mixed or (
                not lengths_of(self.module)
                and (self.module.config.is_encoder_decoder or self._predictor.probe.pads_left())
            )
            return generate(
                self.module,
                prompts,
                decoder_prefixes=decoder_prefixes,
                settings=settings,
                seed=seed,
                pad_id=self._special.pad,
                tokenizer=self.tokenizer,
                device=self.device,
                pads_left=together,
                beside=len(prompts) < 2 or not self._predictor.apart(),
            )

    def embed(self, ids: IntArray, *, side: Side) -> Tensor:
        """See `wherefrom.adapters.Embeds.embed`."""
        with self.reserved():
            return at_least_single(self._side(side).of(torch.from_numpy(ids).to(self.device)))

    def embedding_table(self, *, side: Side) -> Tensor:
        """See `wherefrom.adapters.Embeds.embedding_table`."""
        with self.reserved():
            return at_least_single(self._side(side).table)

    def mean_embedding(self, *, side: Side) -> Tensor:
        """See `wherefrom.adapters.Embeds.mean_embedding`."""
        with self.reserved():
            return self._once(("mean", side), lambda: self.embedding_table(side=side).mean(dim=0))

    def reads_as_padding(self, token_id: int, *, side: Side) -> bool:
        """See `wherefrom.adapters.ReadsPadding.reads_as_padding`."""
        with self.reserved():
            return self._predictor.probe.reads_as_padding(token_id, side)

    def embedding_scale(self, *, side: Side) -> float:
        """What the model multiplies embeddings by behind the module that makes them; 1 where that scales itself."""
        with self.reserved():
            return self._side(side).scale

    @contextmanager
    def reading(self, embeddings: Tensor | None, *, side: Side) -> Iterator[None]:
        """Within the block, one side of the module reads these embeddings in place of those of its ids.

        Args:
            embeddings: As `embed` gives them, shape ``(rows, length, width)``; None: those of its ids.
        """
        with self.reserved(), self._side(side).replaced_by(embeddings):
            yield

    def bad_weights(self) -> tuple[str, ...]:
        """Names of the weights that hold NaN or infinity; see `wherefrom.adapters.FindsBadWeights`."""
        return tuple(
            name
            for name, weights in self.module.named_parameters()
            if weights.is_floating_point() and not bool(torch.isfinite(weights.detach()).all())
        )

    @contextmanager
    def randomised(self, share: float, *, seed: int) -> Iterator[HFModel]:
        """This adapter, its module's weights shuffled within the block; nobody else may ask meanwhile."""
        with self.reserved(), shuffled(self.module, share, seed=seed), self._deriving():
            yield self

    def fingerprint(self) -> str | None:
        """See `wherefrom.adapters.GivesFingerprint.fingerprint`. Reads all weights: once while it is reserved."""
        with self.reserved():
            return self._once("fingerprint", lambda: fingerprint(self.module))

    def predict(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowPrediction]:
        """See `wherefrom.adapters.PredictsSteps.predict`."""
        return one_by_one(self.module, self._predictor.predict(rows, chunk))

    def gradients(
        self, rows: Iterable[Row], *, chunk: int | None = None, source: bool = True, target: bool = True
    ) -> Iterator[RowGradients]:
        """See `wherefrom.adapters.GivesGradients.gradients`."""
        return one_by_one(self.module, self._differentiator.gradients(rows, chunk, source, target))

    def outputs_at_once(self, row: Row, *, copies: int = 1) -> int:
        """See `wherefrom.adapters.BoundsGradients.outputs_at_once`."""
        return self._as_looked_at().outputs_at_once(row, copies)

    def attentions(
        self,
        rows: Iterable[Row],
        *,
        queries: Literal["steps", "all"] = "all",
        heads: Literal["all", "mean"] = "all",
    ) -> Iterator[RowAttention]:
        """See `wherefrom.adapters.GivesAttention.attentions`."""
        together = self._predictor.together
        options: Any = {"queries": queries, "mean_heads": heads == "mean", "together": together}
        return self._looked_into(
            rows,
            lambda rows, fused: by_length(
                self.module, rows, lambda some: attentions(self.module, some, fused=fused, **options)
            ),
        )

    def attention_gradient_rollouts(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowRollout]:
        """See `wherefrom.adapters.attention_gradients.RollsAttentionGradients`."""
        return one_by_one(self.module, attention_gradient_rollouts(self._predictor, rows, chunk))

    def sample(self, rows: Iterable[Row], *, passes: int, seed: int) -> Iterator[Tensor]:
        """See `wherefrom.step_functions.Samples.sample`."""
        return one_by_one(self.module, sample(self._predictor, rows, passes=passes, seed=seed))

    def token_vectors(self, tokens: Sequence[Token], *, encoder: str) -> Tensor:
        """See `wherefrom.text.token_vectors.EncodesTokens.token_vectors`."""
        return token_vectors(tokens, encoder=encoder)

    def zeroed_values(self, rows: Iterable[Row], **choices: Any) -> Iterator[RowZeroing]:
        """See `wherefrom.adapters.internals.ZeroesValues.zeroed_values`."""
        return self._looked_into(rows, lambda rows, fused: zeroed_values(self.module, rows, fused=fused, **choices))

    def layer_states(self, rows: Iterable[Row], *, layer: Any, chunk: int | None = None) -> Iterator[LayerStates]:
        """See `wherefrom.adapters.layers.GivesLayers.layer_states`."""
        return one_by_one(self.module, layer_states(self._predictor, rows, layer, chunk))

    def layer_gradients(
        self,
        rows: Iterable[Row],
        *,
        layer: Any,
        states: Iterable[LayerStates] | None = None,
        chunk: int | None = None,
    ) -> Iterator[LayerGradients]:
        """See `wherefrom.adapters.layers.GivesLayers.layer_gradients`."""
        return one_by_one(self.module, layer_gradients(self._predictor, rows, layer, states, chunk))

    def rescaled_gradients(
        self, rows: Iterable[Row], baselines: Iterable[Row], *, layer: Any = None, chunk: int | None = None
    ) -> Iterator[RowMultipliers]:
        """See `wherefrom.adapters.rescale.GivesRescale.rescaled_gradients`."""
        return one_by_one(self.module, rescaled_gradients(self._predictor, rows, baselines, layer, chunk))

    def ruled_gradients(
        self, rows: Iterable[Row], *, rules: GradientRules, chunk: int | None = None, target: bool = True
    ) -> Iterator[RowGradients]:
        """See `wherefrom.adapters.gradient_rules.FollowsGradientRules.ruled_gradients`."""
        predictor = self._predictor

        def ask(rows: Iterable[Row]) -> Iterator[RowGradients]:
            return ruled_gradients(predictor, rows, rules, chunk, target)

        return one_by_one(self.module, by_length(self.module, rows, ask, gradients_joined))

    def attention_terms(self, rows: Iterable[Row], *, queries: Literal["steps", "all"]) -> Iterator[RowTerms]:
        """See `wherefrom.adapters.internals.DecomposesStates.attention_terms`."""
        for row in self._looked_into(rows, lambda rows, _: attention_terms(self.module, rows, queries=queries)):
            yield evolve(row, chunks=one_by_one(self.module, row.chunks))

    def head_terms(self, rows: Iterable[Row], **choices: Any) -> Iterator[RowHeadTerms]:
        """See `wherefrom.adapters.head_terms.DecomposesHeads.head_terms`."""
        return self._looked_into(rows, lambda rows, _: head_terms(self.module, rows, **choices))

    def logit_terms(self, rows: Iterable[Row], *, contrasts: Iterable[IntArray | None]) -> Iterator[RowLogits]:
        """See `wherefrom.adapters.internals.DecomposesStates.logit_terms`."""
        return self._looked_into(rows, lambda rows, _: logit_terms(self.module, rows, contrasts=contrasts))

    def _looked_into(self, rows: Iterable[Row], ask: Callable[[Iterable[Row], bool], Iterable[T]]) -> Iterator[T]:
        """Answers that need attention to be watched, of a model that says the same while it is.

        Args:
            ask: Is given the rows, each to be read in one pass, and told whether the model is a decoder that says the
                same under the fused kernel too.
        """
        with self.reserved():
            probe = self._predictor.probe
            probe.need_causal()
            need_same(probe, KERNEL)
            fused = asks_the_interface(self.module) and probe.same_under(FUSED) is None
            alone = not self.module.config.is_encoder_decoder
        yield from one_by_one(self.module, ask(each_of_one_kind(self.module, rows), fused and alone))

    def _side(self, side: Side) -> InputEmbedding:
        predictor = self._as_looked_at().predictor
        source, target = predictor.source, predictor.target
        return source if side == "source" and source is not None else target
