"""A model with a method, under inseq's names: a torch module around the library's own `wherefrom.AttributionModel`."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from wherefrom.attribute import AttributionModel as LibraryModel
from wherefrom.errors import InputError, WherefromWarning
from wherefrom.inseq.attr.step_functions import STEP_SCORES_MAP, check_is_step_function
from wherefrom.inseq.data.attribution import (
    CoarseFeatureAttributionStepOutput,
    FeatureAttributionOutput,
    FeatureAttributionSequenceOutput,
    FeatureAttributionStepOutput,
    GranularFeatureAttributionStepOutput,
    MultiDimensionalFeatureAttributionStepOutput,
    sequence_of,
)
from wherefrom.inseq.data.batch import Batch, BatchEmbedding, BatchEncoding
from wherefrom.inseq.models.asking import Asked, asked, contrast_of
from wherefrom.inseq.models.formatters import InputFormatter
from wherefrom.inseq.utils.errors import MissingAttributionMethodError, UnknownAttributionMethodError
from wherefrom.inseq.utils.misc import format_input_texts
from wherefrom.inseq.utils.typing import TokenWithId
from wherefrom.methods.contract import METHODS
from wherefrom.questions.examples import Example
from wherefrom.questions.positions import no_step_note
from wherefrom.results.attribution import Attributions
from wherefrom.results.details import without_steps

logger = logging.getLogger(__name__)

ModelOutput = TypeVar("ModelOutput")
CustomForwardOutput = TypeVar("CustomForwardOutput")


class ForwardMethod(Protocol):
    """A model's forward pass."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


class _DrawsAsTorch(LibraryModel):
    """The library's model, whose sampled answers come from torch's own generator."""

    def _examples(self, *args: Any, **options: Any) -> list[Example]:
        return super()._examples(*args, **{**options, "seed": None})


class AttributionModel(nn.Module):
    """A loaded model that can be asked where its outputs come from.

    Attributes:
        wherefrom: The library's own model, which does the work.
        model: The transformers model.
        tokenizer: Its tokenizer.
    """

    wherefrom: Any
    formatter: type[InputFormatter] = InputFormatter
    is_encoder_decoder: bool = False

    def __init__(self, ours: Any, attribution_method: Any = None, **method_settings: Any) -> None:
        super().__init__()
        self.__dict__["wherefrom"] = ours
        self.model = ours.module
        self.tokenizer = ours.tokenizer
        self.config = ours.module.config
        self.__dict__["_default_fn"] = "probability"
        card = ours.adapter.card
        self.model_name = card.name
        self.tokenizer_name = card.tokenizer_name
        self.pad_token_id, self.bos_token_id = (
            card.pad_id,
            card.decoder_start_id if card.kind == "encoder-decoder" else card.bos_id,
        )
        self.eos_token_id = card.eos_ids[0] if card.eos_ids else card.pad_id
        self.pad_token = self._piece(card.pad_id)
        self.bos_token = self._piece(self.bos_token_id)
        self.is_hooked = False
        self.is_distributed = False
        self.device_map = getattr(self.model, "hf_device_map", None)
        self.__dict__["attribution_method"] = None
        self.setup(attribution_method=attribution_method, **method_settings)

    def _piece(self, id: int | None) -> str | None:
        return None if id is None else str(self.tokenizer.convert_ids_to_tokens(int(id)))

    def setup(self, device: str | None = None, attribution_method: Any = None, **kwargs: Any) -> None:
        """Choose a device and a default method."""
        if device is not None:
            self.device = device
        if attribution_method is not None:
            self.__dict__["attribution_method"] = self.get_attribution_method(attribution_method, **kwargs)

    @property
    def embed_scale(self) -> float:
        """What the model multiplies embeddings by behind its embedding layer; `embed` has done it."""
        return float(self.wherefrom.adapter.embedding_scale(side="target"))

    @property
    def device(self) -> str:
        """Where the model computes."""
        return str(self.wherefrom.device)

    @device.setter
    def device(self, new: Any) -> None:
        self.wherefrom.adapter.to(str(new))

    @property
    def info(self) -> dict[str, Any]:
        """Names of model and tokenizer."""
        return {
            "model_name": self.model_name,
            "model_class": type(self.model).__name__,
            "tokenizer_name": self.tokenizer_name,
            "tokenizer_class": type(self.tokenizer).__name__,
        }

    @property
    def default_attributed_fn_id(self) -> str:
        """Identifier of the target function that is explained by default."""
        return str(self._default_fn)

    @property
    def set_attributed_fn(self) -> str:
        """The default target function; set it to choose another."""
        return str(self._default_fn)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set the default target function or the device by their properties, anything else as torch does."""
        if name in ("set_attributed_fn", "default_attributed_fn_id"):
            check_is_step_function(value)
            self.__dict__["_default_fn"] = value
        elif name == "device":
            self.wherefrom.adapter.to(str(value))
        else:
            super().__setattr__(name, value)

    def get_attribution_method(
        self, method: Any = None, override_default_attribution: bool | None = False, **kwargs: Any
    ) -> Any:
        """The method of a name, bound to this model; None: the default.

        Raises:
            MissingAttributionMethodError: There is no default.
        """
        if method is None:
            if self.attribution_method is None:
                raise MissingAttributionMethodError()
            return self.attribution_method
        found = self._methods().get(method) if isinstance(method, str) else method
        if found is None:
            if method not in METHODS:
                raise UnknownAttributionMethodError(str(method))
            found = self._methods()[""]
        bound = (
            found(self, identifier=method if isinstance(method, str) else None, **kwargs)
            if isinstance(found, type)
            else found
        )
        if override_default_attribution:
            self.__dict__["attribution_method"] = bound
        return bound

    def language_id(self, language: str) -> int:
        """The id of a language's token, where the tokenizer names languages."""
        known = getattr(self.tokenizer, "lang_code_to_id", None) or {}
        if language in known:
            return int(known[language])
        for spelling in (language, f"__{language}__"):
            found = self.tokenizer.convert_tokens_to_ids(spelling)
            if found is not None and found != self.tokenizer.unk_token_id:
                return int(found)
        raise InputError(f"The tokenizer names no language {language!r}. Pass forced_bos_token_id in generation_args.")

    def _methods(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def get_attributed_fn(self, attributed_fn: Any = None) -> Callable[..., Any]:
        """The target function of a name; a function as it is; None: the default."""
        if attributed_fn is None:
            attributed_fn = self.default_attributed_fn_id
        if isinstance(attributed_fn, str):
            check_is_step_function(attributed_fn)
            return STEP_SCORES_MAP[attributed_fn]
        return attributed_fn  # type: ignore[no-any-return]

    def attribute(
        self,
        input_texts: str | Sequence[str],
        generated_texts: str | Sequence[str] | None = None,
        method: str | None = None,
        override_default_attribution: bool | None = False,
        attr_pos_start: int | None = None,
        attr_pos_end: int | None = None,
        show_progress: bool = True,
        pretty_progress: bool = True,
        output_step_attributions: bool = False,
        attribute_target: bool = False,
        step_scores: str | Sequence[str] = (),
        include_eos_baseline: bool = False,
        attributed_fn: str | Callable[..., Any] | None = None,
        device: str | None = None,
        batch_size: int | None = None,
        generate_from_target_prefix: bool = False,
        skip_special_tokens: bool = False,
        clean_special_chars: bool = False,
        generation_args: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> FeatureAttributionOutput:
        """Which inputs made each generated token. See the migration page for what differs from inseq.

        Answers that are sampled are drawn from torch's generator (``torch.manual_seed``), as those of `generate` are.
        """
        started = time.perf_counter()
        if input_texts is None or (not isinstance(input_texts, str) and not len(input_texts)):
            raise InputError("At least one text must be provided to attribute().")
        inputs, targets = format_input_texts(
            input_texts, generated_texts, skip_special_tokens, self.special_tokens if skip_special_tokens else []
        )
        inputs = [self._nonempty(text) for text in inputs]
        targets = [self._continued(text, target) for text, target in zip(inputs, targets, strict=False)]
        bound = self.get_attribution_method(method, override_default_attribution)
        groups = {
            name: dict(kwargs.pop(name, None) or {})
            for name in ("attribution_args", "attributed_fn_args", "step_scores_args")
        }
        function = self.default_attributed_fn_id if attributed_fn is None else attributed_fn
        names = [step_scores] if isinstance(step_scores, str) else list(step_scores)

        def ask(index: int | None = None) -> Asked:
            """For all examples together, or for one of them."""

            def own(given: Mapping[str, Any]) -> dict[str, Any]:
                return {**given, **({} if index is None else contrast_of(given, index, len(inputs)))}

            told = {name: own(group) for name, group in groups.items()}
            forwarded = {"skip_special_tokens": skip_special_tokens}
            return asked(self, bound.method, function, names, own(kwargs), told, forwarded)

        call = ask()
        generation = {
            k: v
            for k, v in (generation_args or {}).items()
            if k not in ("skip_special_tokens", "output_generated_only")
        }
        options: dict[str, Any] = {
            "method": call.method,
            "attributed_fn": call.function if bound.uses_attributed_fn else None,
            "step_scores": call.scores,
            "show_progress": show_progress and pretty_progress,
            "include_eos_baseline": include_eos_baseline,
            "keep_special": False,
            "device": None if device is None else str(device),
            "batch_size": batch_size,
            "generate_from_target_prefix": generate_from_target_prefix,
            "skip_special_tokens": skip_special_tokens,
            "clean_special_chars": clean_special_chars,
        }
        if self.is_encoder_decoder:
            options["attribute_target"] = attribute_target
        if generated_texts is None or generate_from_target_prefix:
            options["generation_args"] = generation
        elif generation:
            logger.warning("generation_args are left out: the generated texts are given, and nothing is generated.")
        alone = call.is_foreign or attr_pos_start is not None or attr_pos_end is not None
        if alone:
            results = self._one_by_one(inputs, targets or None, ask, options, attr_pos_start, attr_pos_end)
        else:
            model = _DrawsAsTorch(self.wherefrom.adapter)
            results = [model.attribute(inputs, targets or None, **options, **call.contrast)]
        sequences = [
            bound.changed(sequence_of(one, decoder_only=not self.is_encoder_decoder))
            for part in results
            for one in part
        ]
        said = [text for part in results for text in part.provenance.generated_texts]
        starts, ends = ([getattr(one, name) for one in sequences] for name in ("attr_pos_start", "attr_pos_end"))
        info = {
            "attribution_method": bound.method_name,
            "attr_pos_start": attr_pos_start
            if attr_pos_start is not None
            else _shared(starts, bool(targets), self.is_encoder_decoder),
            "attr_pos_end": attr_pos_end if attr_pos_end is not None else max(ends, default=None),
            "output_step_attributions": output_step_attributions,
            "attribute_target": attribute_target,
            "step_scores": names,
            "exec_time": round(time.perf_counter() - started, 6),
            **self.info,
            "include_eos_baseline": include_eos_baseline,
            "attributed_fn": str(getattr(self.get_attributed_fn(attributed_fn), "__name__", "")),
            **call.told,
            "input_texts": inputs,
            "generated_texts": said if generated_texts is None or generate_from_target_prefix else targets,
            "generation_args": dict(generation_args or {}),
            "constrained_decoding": generated_texts is not None,
            "generate_from_target_prefix": generate_from_target_prefix,
        }
        steps = self._steps(sequences) if output_step_attributions else None
        return FeatureAttributionOutput(sequences, steps, info)

    def _nonempty(self, text: str) -> str:
        """inseq puts the token of beginning where a prompt is empty."""
        if text or self.is_encoder_decoder or self.bos_token is None:
            return text
        return str(self.bos_token)

    def _continued(self, text: str, target: str) -> str:
        """A forced text with the token of beginning in front, where that is all of the prompt."""
        if not self.is_encoder_decoder and text == self.bos_token and not target.startswith(text):
            return text + target
        return target

    def _one_by_one(
        self,
        inputs: Sequence[str],
        targets: Sequence[str] | None,
        ask: Callable[[int], Asked],
        options: Mapping[str, Any],
        start: int | None,
        end: int | None,
    ) -> list[Attributions]:
        """Each example by itself: positions are counted in its own target, and functions get their own texts."""
        results, model = [], _DrawsAsTorch(self.wherefrom.adapter)
        for index, text in enumerate(inputs):
            call = ask(index)
            own = {**options, "step_scores": call.scores, **call.contrast}
            if options["attributed_fn"] is not None:
                own["attributed_fn"] = call.function
            done = model.attribute([text], None if targets is None else [targets[index]], **own)
            parts = tuple(self._cut(one, start, end, index) for one in done)
            results.append(Attributions(sequence_attributions=parts, provenance=done.provenance))
        return results

    def _cut(self, one: Any, start: int | None, end: int | None, number: int) -> Any:
        """The explained steps between two target positions; none where the target of an example is too short."""
        if start is None and end is None:
            return one
        first, last = one.attr_pos_start, one.attr_pos_end
        begin = first if start is None or (start < 0 and not self.is_encoder_decoder) else start
        begin = last + begin if begin < 0 else begin
        stop = last if end is None else end if end >= 0 else last + end
        if begin < first and start is not None and start < 0:
            raise InputError(f"attr_pos_start={start} lies before the first step {first} of a target of {last} tokens.")
        begin = max(begin, first)
        if stop <= begin and (begin < last or (end is not None and end >= 0)):
            raise InputError(
                f"attr_pos_start={start} and attr_pos_end={end} leave no step of a target of {last} tokens, whose "
                f"steps are {first} to {last - 1}: the end is exclusive. Give an end behind the first step."
            )
        stop = min(stop, last)
        if begin < stop:
            return one.select_steps(begin - first, stop - first)
        warnings.warn(no_step_note(number, len(one.target), start, end), WherefromWarning, stacklevel=5)
        empty = {
            name: None if scores is None else scores[:, :0]
            for name, scores in (
                ("source_attributions", one.source_attributions),
                ("target_attributions", one.target_attributions),
            )
        }
        return one.replace(
            attr_pos_start=last,
            attr_pos_end=last,
            step_scores={name: values[:0] for name, values in one.step_scores.items()},
            details=without_steps(one.details),
            **empty,
        )

    def _steps(self, sequences: Sequence[FeatureAttributionSequenceOutput]) -> list[FeatureAttributionStepOutput]:
        """One record per step, with a row for every example: NaN and padding where its steps are over."""
        if not sequences:
            return []
        count = max(one.attr_pos_end - one.attr_pos_start for one in sequences)  # type: ignore[operator]
        cls = _STEP_CLASSES.get(type(sequences[0]).__name__, FeatureAttributionStepOutput)
        padding = self.pad_token_id if self.pad_token_id is not None else self.eos_token_id
        steps = []
        for index in range(count):
            positions = [one.attr_pos_start + index for one in sequences]
            targets = [
                [*one.target[: one.attr_pos_end], *([TokenWithId(str(self._piece(padding)), padding)] * count)]
                for one in sequences
            ]
            steps.append(
                cls(
                    source_attributions=_stacked([one.source_attributions for one in sequences], index, None),
                    target_attributions=_stacked([one.target_attributions for one in sequences], index, positions),
                    step_scores={
                        name: torch.stack([_at_step((one.step_scores or {})[name], index) for one in sequences])
                        for name in sequences[0].step_scores or {}
                    },
                    sequence_scores={},
                    source=[one.source for one in sequences],
                    prefix=[target[:position] for target, position in zip(targets, positions, strict=True)],
                    target=[[target[position]] for target, position in zip(targets, positions, strict=True)],
                )
            )
        return steps

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """Texts that the model generates."""
        raise NotImplementedError

    def encode(
        self,
        texts: str | Sequence[str],
        as_targets: bool = False,
        return_baseline: bool = False,
        include_eos_baseline: bool = False,
        add_bos_token: bool = True,
        add_special_tokens: bool = True,
    ) -> BatchEncoding:
        """Texts as ids, padded: in front for decoder-only models, behind for others.

        Raises:
            InputError: Targets are asked of a decoder-only model, which has one sequence.
        """
        if as_targets and not self.is_encoder_decoder:
            raise InputError("as_targets is for encoder-decoder models; a decoder-only model has one sequence.")
        side = "target" if as_targets or not self.is_encoder_decoder else "source"
        several = [texts] if isinstance(texts, str) else list(texts)
        rows = [
            self.wherefrom.adapter.encode(one, side=side, add_special_tokens=add_special_tokens).ids for one in several
        ]
        if as_targets and not add_bos_token:
            rows = [row[1:] for row in rows]
        return self._padded(rows, return_baseline, include_eos_baseline)

    def _padded(self, rows: Sequence[Any], return_baseline: bool, include_eos: bool) -> BatchEncoding:
        longest = max(len(row) for row in rows)
        pad = self.pad_token_id if self.pad_token_id is not None else 0
        ids = np.full((len(rows), longest), pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for line, row in enumerate(rows):
            where = slice(0, len(row)) if self.is_encoder_decoder else slice(longest - len(row), longest)
            ids[line, where], mask[line, where] = row, 1
        tensor = torch.from_numpy(ids).to(self.device)
        baseline = None
        if return_baseline:
            unknown = self.wherefrom.adapter.card.unk_id
            baseline = torch.full_like(tensor, pad if unknown is None else unknown)
            ends = torch.isin(tensor, torch.tensor(list(self.wherefrom.adapter.card.eos_ids), device=tensor.device))
            baseline = baseline if include_eos else torch.where(ends, tensor, baseline)
        return BatchEncoding(
            input_ids=tensor,
            attention_mask=torch.from_numpy(mask).to(self.device),
            input_tokens=[[str(one) for one in self.tokenizer.convert_ids_to_tokens(row.tolist())] for row in tensor],
            baseline_ids=baseline,
        )

    def batch_of(
        self,
        inputs: Any,
        include_eos_baseline: bool = False,
        as_targets: bool = False,
        skip_special_tokens: bool = False,
    ) -> Batch:
        """Texts, an encoding or a batch as a batch with embeddings."""
        if isinstance(inputs, Batch):
            return inputs
        if not isinstance(inputs, BatchEncoding):
            inputs = self.encode(
                inputs,
                as_targets=as_targets,
                return_baseline=True,
                include_eos_baseline=include_eos_baseline,
                add_special_tokens=not skip_special_tokens,
            )
        embeds = self.embed_ids(inputs.input_ids, as_targets)
        baseline = None if inputs.baseline_ids is None else self.embed_ids(inputs.baseline_ids, as_targets)
        return Batch(inputs, BatchEmbedding(input_embeds=embeds, baseline_embeds=baseline))

    def decode(self, ids: Any, skip_special_tokens: bool = True) -> list[str]:
        """Texts of several sequences of ids."""
        rows = torch.as_tensor(ids)
        rows = rows[None] if rows.ndim == 1 else rows
        return [str(self.tokenizer.decode(row.tolist(), skip_special_tokens=skip_special_tokens)) for row in rows]

    def embed(self, inputs: Any, as_targets: bool = False, add_special_tokens: bool = True) -> Tensor:
        """Embeddings of texts or ids, shape ``(rows, length, width)``."""
        if isinstance(inputs, Tensor):
            return self.embed_ids(inputs, as_targets)
        return self.embed_ids(
            self.encode(inputs, as_targets, add_special_tokens=add_special_tokens).input_ids, as_targets
        )

    def embed_ids(self, ids: Tensor, as_targets: bool = False) -> Tensor:
        """Embeddings of ids, as the model reads them."""
        side = "target" if as_targets or not self.is_encoder_decoder else "source"
        embeds: Tensor = self.wherefrom.adapter.embed(ids.cpu().numpy().astype(np.int64), side=side)
        return embeds

    def convert_ids_to_tokens(
        self, ids: Any, skip_special_tokens: bool | None = True, decode_tokens: bool = False
    ) -> list[list[str]]:
        """Spellings of several sequences of ids; ``decode_tokens``: as they read."""
        rows = torch.as_tensor(ids)
        rows = rows[None] if rows.ndim < 2 else rows
        special = set(self.special_tokens_ids) if skip_special_tokens else set()
        kept = [[one for one in row.tolist() if one not in special] for row in rows]
        if decode_tokens:
            return [[str(self.tokenizer.decode([one])) for one in row] for row in kept]
        return [[str(one) for one in self.tokenizer.convert_ids_to_tokens(row)] for row in kept]

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        """Ids of spellings, of one list or of several."""
        if tokens and isinstance(tokens[0], str):
            return self.tokenizer.convert_tokens_to_ids(list(tokens))
        return [self.tokenizer.convert_tokens_to_ids(list(row)) for row in tokens]

    def convert_tokens_to_string(
        self, tokens: Any, skip_special_tokens: bool | None = True, as_targets: bool = False
    ) -> Any:
        """The text of spellings, of one list or of several."""
        if not len(tokens) or isinstance(tokens[0], str | TokenWithId):
            spelt = [str(token) for token in tokens]
            ids = self.tokenizer.convert_tokens_to_ids(spelt)
            return str(self.tokenizer.decode(ids, skip_special_tokens=bool(skip_special_tokens)))
        return [self.convert_tokens_to_string(row, skip_special_tokens, as_targets) for row in tokens]

    def convert_string_to_tokens(self, text: Any, skip_special_tokens: bool = True, as_targets: bool = False) -> Any:
        """Spellings of a text, or of several."""
        if not isinstance(text, str):
            return [self.convert_string_to_tokens(one, skip_special_tokens, as_targets) for one in text]
        ids = self.encode(text, as_targets and self.is_encoder_decoder, add_special_tokens=not skip_special_tokens)
        tokens = self.convert_ids_to_tokens(ids.input_ids, skip_special_tokens)
        return tokens[0]

    def clean_tokens(self, tokens: Any, skip_special_tokens: bool = False, as_targets: bool = False) -> list[list[str]]:
        """Spellings as they read."""
        rows = []
        for row in tokens:
            spelt = [str(token) for token in row]
            kept = [one for one in spelt if not (skip_special_tokens and one in self.special_tokens)]
            rows.append([str(self.tokenizer.convert_tokens_to_string([one])) for one in kept])
        return rows

    @property
    def special_tokens(self) -> list[str]:
        """Spellings of special tokens."""
        return list(self.tokenizer.all_special_tokens)

    @property
    def special_tokens_ids(self) -> list[int]:
        """Ids of special tokens."""
        return list(self.tokenizer.all_special_ids)

    @property
    def vocabulary_embeddings(self) -> Tensor:
        """Embeddings of the whole vocabulary, shape ``(vocabulary, width)``."""
        table: Tensor = self.wherefrom.adapter.embedding_table(side="source" if self.is_encoder_decoder else "target")
        return table

    def get_embedding_layer(self) -> nn.Module:
        """The module that embeds ids."""
        return self.model.get_input_embeddings()  # type: ignore[no-any-return]

    def get_encoder(self) -> nn.Module:
        """The encoder."""
        return self.model.get_encoder()  # type: ignore[no-any-return]

    def get_decoder(self) -> nn.Module:
        """The decoder."""
        return self.model.get_decoder()  # type: ignore[no-any-return]

    def configure_interpretable_embeddings(self, **kwargs: Any) -> None:
        """Nothing: embeddings are put in where they are needed."""

    def remove_interpretable_embeddings(self, **kwargs: Any) -> None:
        """Nothing."""

    def configure_embeddings_scale(self) -> None:
        """Nothing: scaling is read off the model."""

    @staticmethod
    def output2logits(forward_output: Any) -> Tensor:
        """Logits of the last position, shape ``(rows, vocabulary)``."""
        logits: Tensor = forward_output["logits"] if isinstance(forward_output, dict) else forward_output.logits
        return logits[:, -1, :]

    def get_forward_output(self, batch: Any, use_embeddings: bool = True, **kwargs: Any) -> Any:
        """What the model returns for a batch."""
        raise NotImplementedError

    def forward_with_output(self, batch: Any, use_embeddings: bool = True, **kwargs: Any) -> Any:
        """What the model returns for a batch."""
        return self.get_forward_output(batch, use_embeddings, **kwargs)

    def forward(
        self, batch: Any, target_ids: Tensor, attributed_fn: Any = None, use_embeddings: bool = True, **kwargs: Any
    ) -> Any:
        """Values of the target function for a batch, with gradients."""
        output = self.get_forward_output(batch, use_embeddings)
        args = self.formatter.format_step_function_args(self, output, target_ids, batch, True)  # type: ignore[attr-defined]
        return self.get_attributed_fn(attributed_fn)(args, **kwargs)

    def get_token_with_ids(
        self, batch: Any, contrast_target_tokens: Any = None, contrast_targets_alignments: Any = None
    ) -> list[list[TokenWithId]]:
        """Tokens of a batch's targets with their ids."""
        return [
            [TokenWithId(token, int(id)) for token, id in zip(tokens, ids, strict=True)]
            for tokens, ids in zip(batch.target_tokens, batch.target_ids, strict=True)
        ]

    @staticmethod
    def get_attentions_dict(output: Any) -> dict[str, Tensor]:
        """Attention weights of a model's output by name."""
        names = ("attentions", "encoder_attentions", "decoder_attentions", "cross_attentions")
        return {name: torch.stack(list(output[name])) for name in names if output.get(name)}

    @staticmethod
    def get_hidden_states_dict(output: Any) -> dict[str, Tensor]:
        """Hidden states of a model's output by name."""
        names = ("hidden_states", "encoder_hidden_states", "decoder_hidden_states")
        return {name: torch.stack(list(output[name])) for name in names if output.get(name)}


_STEP_CLASSES: dict[str, type[FeatureAttributionStepOutput]] = {
    cls._sequence_cls.__name__: cls
    for cls in (
        GranularFeatureAttributionStepOutput,
        CoarseFeatureAttributionStepOutput,
        MultiDimensionalFeatureAttributionStepOutput,
    )
}


def _at_step(values: Tensor, index: int) -> Tensor:
    """What there is of a step in the first dimension; NaN where its example has no such step."""
    return values[index] if index < len(values) else values.new_full(values.shape[1:], float("nan"))


def _stacked(scores: Sequence[Tensor | None], index: int, lengths: Sequence[int] | None) -> Tensor | None:
    """A step's column of each example, filled to the longest with NaN."""
    if any(one is None for one in scores):
        return None
    columns = [_at_step(one.transpose(0, 1), index) for one in scores if one is not None]
    if lengths is not None:
        columns = [column[:length] for column, length in zip(columns, lengths, strict=True)]
    longest = max(len(column) for column in columns)
    filled = []
    for column in columns:
        more = column.new_full((longest - len(column), *column.shape[1:]), float("nan"))
        filled.append(torch.cat([column, more]))
    return torch.stack(filled)


def _shared(starts: Sequence[int], forced: bool, is_encoder_decoder: bool) -> int | None:
    """The first position of a batch as inseq counts it: prompts are filled to the longest, forced texts go alone."""
    if not starts:
        return None
    return starts[0] if forced or is_encoder_decoder else max(starts)
