"""Step functions as inseq writes them: functions of one position's arguments, in torch.

`attribute` uses the library's own functions for the identifiers that are registered here from the beginning, which
answer all steps at once; these functions are for scripts that call them, and functions of custom are run by
`wherefrom.inseq.attr.running`.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from wherefrom.errors import SettingsError, UnknownNameError, nearest
from wherefrom.inseq.data.aggregation_functions import DEFAULT_ATTRIBUTION_AGGREGATE_DICT, aggregation_functions
from wherefrom.inseq.data.batch import AnsweredBatch, EncoderDecoderBatch, slice_batch_from_position
from wherefrom.inseq.utils.contrast_utils import ContrastInputs
from wherefrom.inseq.utils.misc import extract_signature_args
from wherefrom.inseq.utils.torch_utils import top_p_logits_mask
from wherefrom.questions.contrast import token_similarity
from wherefrom.settings import from_mapping
from wherefrom.step_functions import KLDivergence, MCDropoutZScore, StepPrediction
from wherefrom.text.alignment import align, one_per_example

logger = logging.getLogger(__name__)


@dataclass
class StepFunctionBaseArgs:
    """What a step function is told of one position, for each row of a batch."""

    attribution_model: Any
    forward_output: Any
    target_ids: Tensor
    """The token in question, shape ``(rows,)``."""
    decoder_input_ids: Tensor
    """What the decoder read, shape ``(rows, position)``."""
    decoder_input_embeds: Tensor
    decoder_attention_mask: Tensor
    is_attributed_fn: bool
    """Is it differentiated or perturbed, rather than read as a score?"""


@dataclass
class StepFunctionEncoderDecoderArgs(StepFunctionBaseArgs):
    """Of an encoder-decoder model."""

    encoder_input_ids: Tensor
    encoder_input_embeds: Tensor
    encoder_attention_mask: Tensor


@dataclass
class StepFunctionDecoderOnlyArgs(StepFunctionBaseArgs):
    """Of a decoder-only model."""


StepFunctionArgs: TypeAlias = StepFunctionEncoderDecoderArgs | StepFunctionDecoderOnlyArgs


class StepFunction(Protocol):
    """A function of a position."""

    def __call__(self, args: StepFunctionArgs, **kwargs: Any) -> Tensor:
        """One value per row."""
        ...


def _logits(args: Any, output: Any = None) -> Tensor:
    logits: Tensor = args.attribution_model.output2logits(args.forward_output if output is None else output)
    return logits


def _prediction(args: Any, output: Any = None, **more: Any) -> StepPrediction:
    """A position's rows as the library's functions read steps."""
    return StepPrediction(logits=_logits(args, output), target_ids=args.target_ids.reshape(-1), **more)


def _at(values: Tensor, ids: Tensor) -> Tensor:
    """Each row's entry at its id."""
    return values.gather(-1, ids.reshape(-1, 1).to(values.device)).squeeze(-1)


def _get_contrast_inputs(
    args: Any,
    contrast_sources: Any = None,
    contrast_targets: Any = None,
    contrast_targets_alignments: Any = None,
    return_contrastive_target_ids: bool = False,
    return_contrastive_batch: bool = False,
    skip_special_tokens: bool = False,
    **kwargs: Any,
) -> ContrastInputs:
    """The contrastive context and token of a position.

    Args:
        contrast_sources: Encoder-decoder: what is read instead.
        contrast_targets: What is said instead; decoder-only: prompt and continuation. An `AnsweredBatch` is the context
            itself.
        contrast_targets_alignments: Pairs of positions, or None for the default of `wherefrom.text.alignment`.
    """
    if isinstance(contrast_targets, AnsweredBatch):
        return ContrastInputs(batch=contrast_targets, target_ids=contrast_targets.target_ids)
    model = args.attribution_model
    if contrast_sources is not None and not model.is_encoder_decoder:
        raise SettingsError("contrast_sources is for encoder-decoder models. Put another prompt into contrast_targets.")
    original = model.formatter.convert_args_to_batch(args)
    if model.is_encoder_decoder:
        sources = original.sources if contrast_sources is None else model.batch_of(contrast_sources)
        targets = (
            original.targets
            if contrast_targets is None
            else model.batch_of(contrast_targets, as_targets=True, skip_special_tokens=skip_special_tokens)
        )
        whole: Any = EncoderDecoderBatch(sources=sources, targets=targets)
    else:
        whole = (
            original
            if contrast_targets is None
            else model.formatter.prepare_inputs_for_attribution(
                model, contrast_targets, skip_special_tokens=skip_special_tokens
            )
        )
    if contrast_targets is None:  # the same words after another source, or nothing else at all
        return ContrastInputs(batch=whole, target_ids=args.target_ids)
    position = args.decoder_input_ids.shape[1]
    counterpart = _counterpart(args, whole, position, contrast_targets_alignments)
    batch, ids = slice_batch_from_position(whole, position, [(position, counterpart)])
    return ContrastInputs(batch=batch, target_ids=ids)


def _counterpart(args: Any, contrast: Any, position: int, alignments: Any) -> int:
    """The position in the contrast that a position is compared with."""
    (pairs,) = one_per_example(alignments, 1)
    adapter = args.attribution_model.wherefrom.adapter
    said = torch.cat([args.decoder_input_ids[0].cpu(), args.target_ids.reshape(-1)[:1].cpu()])
    rest = getattr(args, "later_ids", None)
    ids = said if rest is None else torch.cat([said, rest.cpu()])
    rows = [row.cpu().numpy().astype(np.int64) for row in (ids, contrast.target_ids[0])]
    original, other = (adapter.tokens(row, side="target") for row in rows)
    similarity = None
    if isinstance(pairs, str):
        similarity = token_similarity(adapter, (rows[0], original), (rows[1], other), pairs)
    found = align(original, other, np.array([position], dtype=np.int64), pairs or None, similarity=similarity)
    return int(found.positions[0])


def _get_contrast_output(args: Any, **contrast: Any) -> Any:
    """What the model says after the contrastive context."""
    inputs = _get_contrast_inputs(args, **contrast)
    return args.attribution_model.get_forward_output(inputs.batch, use_embeddings=False), inputs.target_ids


def _contrasted(args: Any, contrast_force_inputs: bool, contrast: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Logits in which the contrastive token is looked up, and the token."""
    contrast = {name: value for name, value in contrast.items() if name != "contrast_force_inputs"}
    if args.is_attributed_fn and not contrast_force_inputs:
        ids = _get_contrast_inputs(args, **contrast).target_ids
        return _logits(args), ids if ids is not None else args.target_ids
    output, ids = _get_contrast_output(args, **contrast)
    return _logits(args, output), ids


def logit_fn(args: StepFunctionArgs) -> Tensor:
    """The token's logit."""
    return _at(_logits(args), args.target_ids)


def probability_fn(args: StepFunctionArgs, logprob: bool = False) -> Tensor:
    """The token's probability, or its natural logarithm."""
    values = _at(_logits(args).log_softmax(-1), args.target_ids)
    return values if logprob else values.exp()


def entropy_fn(args: StepFunctionArgs) -> Tensor:
    """Entropy of the prediction in nats."""
    log_p = _logits(args).log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1)


def crossentropy_fn(args: StepFunctionArgs) -> Tensor:
    """Minus the token's log-probability, in nats."""
    return -probability_fn(args, logprob=True)


def perplexity_fn(args: StepFunctionArgs) -> Tensor:
    """2 to the power of the cross-entropy in nats, as inseq has it. `wherefrom` gives e to that power, 1/p."""
    return 2 ** crossentropy_fn(args)


def contrast_logits_fn(args: StepFunctionArgs, contrast_force_inputs: bool = False, **contrast: Any) -> Tensor:
    """The contrastive token's logit."""
    return _at(*_contrasted(args, contrast_force_inputs, contrast))


def contrast_prob_fn(
    args: StepFunctionArgs, logprob: bool = False, contrast_force_inputs: bool = False, **contrast: Any
) -> Tensor:
    """The contrastive token's probability, or its logarithm."""
    logits, ids = _contrasted(args, contrast_force_inputs, contrast)
    values = _at(logits.log_softmax(-1), ids)
    return values if logprob else values.exp()


def contrast_logits_diff_fn(args: StepFunctionArgs, contrast_force_inputs: bool = False, **contrast: Any) -> Tensor:
    """The token's logit minus the contrastive token's."""
    return logit_fn(args) - contrast_logits_fn(args, contrast_force_inputs, **contrast)


def contrast_prob_diff_fn(
    args: StepFunctionArgs, logprob: bool = False, contrast_force_inputs: bool = False, **contrast: Any
) -> Tensor:
    """The token's probability minus the contrastive token's."""
    return probability_fn(args, logprob) - contrast_prob_fn(args, logprob, contrast_force_inputs, **contrast)


def pcxmi_fn(args: StepFunctionArgs, contrast_force_inputs: bool = False, **contrast: Any) -> Tensor:
    """Minus the binary logarithm of p/p' (Yin et al. 2021)."""
    ours = probability_fn(args, logprob=True)
    theirs = contrast_prob_fn(args, True, contrast_force_inputs, **contrast)
    return -(ours - theirs) / torch.log(torch.tensor(2.0))


def in_context_pvi_fn(args: StepFunctionArgs, contrast_force_inputs: bool = False, **contrast: Any) -> Tensor:
    """ln p' minus ln p (Lu et al. 2023), in nats."""
    ours = probability_fn(args, logprob=True)
    return contrast_prob_fn(args, True, contrast_force_inputs, **contrast) - ours


def kl_divergence_fn(
    args: StepFunctionArgs,
    top_k: int = 0,
    top_p: float = 1.0,
    min_tokens_to_keep: int = 1,
    contrast_force_inputs: bool = False,
    **contrast: Any,
) -> Tensor:
    """Divergence of the contrastive prediction from this one, over the tokens that the filters leave.

    It is the library's ``kl_divergence``: filters look at the mean of both distributions, where inseq adds logits.
    """
    if args.is_attributed_fn and not contrast_force_inputs:
        raise SettingsError(
            "kl_divergence as a target needs contrast_force_inputs=True: it compares whole predictions."
        )
    output, _ = _get_contrast_output(args, **contrast)
    filters = {"top_k": top_k, "top_p": top_p, "min_tokens_to_keep": min_tokens_to_keep}
    divergence = from_mapping(KLDivergence, filters, where="step function 'kl_divergence'")
    value: Tensor = divergence(_prediction(args, contrast=_prediction(args, output)))
    return value


def mc_dropout_prob_avg_fn(
    args: StepFunctionArgs, n_mcd_steps: int = 5, logprob: bool = False, **kwargs: Any
) -> Tensor:
    """Standard score of the probability among passes with dropout, as inseq has it under this name.

    It is the library's ``mc_dropout_zscore``: 0 where all passes agree. The model is left as it was. `wherefrom` has
    the mean under this name.

    Warns:
        WherefromWarning: All passes say the same: the model has no dropout.
    """
    model = args.attribution_model
    batch = model.formatter.convert_args_to_batch(args)
    training = [part for part in model.model.modules() if part.training]
    model.model.train()
    try:
        samples = torch.stack([_logits(args, model.get_forward_output(batch)) for _ in range(n_mcd_steps)])
    finally:
        model.model.eval()
        for part in training:
            part.training = True
    score: Tensor = MCDropoutZScore(n_mcd_steps=n_mcd_steps, logprob=logprob)(_prediction(args, samples=samples))
    return score


def top_p_size_fn(args: StepFunctionArgs, top_p: float) -> Tensor:
    """How many tokens the smallest set of probability ``top_p`` has."""
    return (~top_p_logits_mask(_logits(args), top_p, 1)).sum(-1)


STEP_SCORES_MAP: dict[str, Callable[..., Any]] = {
    "logit": logit_fn,
    "probability": probability_fn,
    "entropy": entropy_fn,
    "crossentropy": crossentropy_fn,
    "perplexity": perplexity_fn,
    "contrast_logits": contrast_logits_fn,
    "contrast_prob": contrast_prob_fn,
    "contrast_logits_diff": contrast_logits_diff_fn,
    "contrast_prob_diff": contrast_prob_diff_fn,
    "pcxmi": pcxmi_fn,
    "kl_divergence": kl_divergence_fn,
    "in_context_pvi": in_context_pvi_fn,
    "mc_dropout_prob_avg": mc_dropout_prob_avg_fn,
    "top_p_size": top_p_size_fn,
}
"""Identifier to function; `register_step_function` adds to it."""

BUILTIN = dict(STEP_SCORES_MAP)
"""The functions that were here from the beginning."""

CONTRASTIVE = frozenset(
    {"contrast_logits", "contrast_prob", "contrast_logits_diff", "contrast_prob_diff", "pcxmi", "kl_divergence",
     "in_context_pvi"}
)  # fmt: skip


def check_is_step_function(identifier: str) -> None:
    """Refuse an unknown name.

    Raises:
        UnknownNameError: No step function has it.
    """
    if identifier not in STEP_SCORES_MAP:
        raise UnknownNameError(
            f"No step function is called {identifier!r}.{nearest(identifier, STEP_SCORES_MAP)} There are: "
            f"{', '.join(STEP_SCORES_MAP)}."
        )


def get_step_function(score_identifier: str) -> Any:
    """The function of a name."""
    check_is_step_function(score_identifier)
    return STEP_SCORES_MAP[score_identifier]


def get_step_scores(
    score_identifier: str, step_fn_args: StepFunctionArgs, step_fn_extra_args: Mapping[str, Any] | None = None
) -> Tensor:
    """A function's values for given arguments, without gradients."""
    with torch.no_grad():
        values: Tensor = get_step_function(score_identifier)(step_fn_args, **(step_fn_extra_args or {}))
    return values


def get_step_scores_args(
    score_identifiers: Sequence[str], kwargs: Mapping[str, Any], default_args: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Those keyword arguments that step functions take."""
    found: dict[str, Any] = {}
    for identifier in score_identifiers:
        own = extract_signature_args(dict(kwargs), get_step_function(identifier), list(default_args or []))
        found.update(own)  # type: ignore[arg-type]
    return found


def list_step_functions() -> list[str]:
    """Identifiers, sorted."""
    return sorted(STEP_SCORES_MAP)


def is_contrastive_step_function(step_fn_id: str) -> bool:
    """Does the function compare with a contrast?"""
    function = get_step_function(step_fn_id)
    return step_fn_id in CONTRASTIVE or "contrast_targets" in inspect.signature(function).parameters


def register_step_function(
    fn: Callable[..., Any], identifier: str, aggregate_map: Mapping[str, Any] | None = None, overwrite: bool = False
) -> None:
    """Make ``fn(args, **own)`` usable as a step score and as ``attributed_fn``.

    Args:
        aggregate_map: ``{"spans": "prod"}``: how scores of a span become one. ``"span_aggregate"``, as older versions
            said, means the same, and a function that is called as ``fn(scores, dim=0)`` may stand in place of a name;
            one of ``"span_aggregate"`` that cannot be is left out, with a log line.

    Raises:
        SettingsError: The name is taken and ``overwrite`` is false, or the aggregation is unknown or cannot be called.
    """
    if identifier in STEP_SCORES_MAP and not overwrite:
        raise SettingsError(f"A step function {identifier!r} is registered already. Pass overwrite=True to replace it.")
    known, merged = aggregation_functions(), {}
    for aggregator, function in (aggregate_map or {}).items():
        if isinstance(function, str) and function not in known:
            raise SettingsError(
                f"aggregate_map: no aggregation function is called {function!r}.{nearest(function, known)}"
            )
        if not isinstance(function, str) and not _merges(function):
            told = f"aggregate_map of {identifier!r}: the function of {aggregator!r} is not called as fn(scores, dim=0)"
            if aggregator != "span_aggregate":
                raise SettingsError(f'{told}. Give one with such an argument, as torch.prod, or a name, as "prod".')
            logger.warning("%s, and is left out, as inseq 0.7.1 does.", told)
            continue
        merged[{"span_aggregate": "spans"}.get(aggregator, aggregator)] = function
    STEP_SCORES_MAP[identifier] = fn
    for kind, function in merged.items():
        DEFAULT_ATTRIBUTION_AGGREGATE_DICT["step_scores"].setdefault(kind, {})[identifier] = function


def _merges(function: Callable[..., Any]) -> bool:
    """Can a function be called with scores and a dimension, as far as it tells?"""
    try:
        inspect.signature(function if not isinstance(function, type) else function()).bind(torch.empty(0), dim=0)
    except TypeError:
        return False
    except ValueError:  # torch's own tell nothing
        return True
    return True
