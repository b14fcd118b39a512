"""A model is probed, not trusted: what passes rely on is tried once per module, on a few dozen tokens.

Whether a decoder is causal, says the same under another attention implementation, goes on from its cache as in one
pass, and takes left padding, is written nowhere that could be relied on. Each question costs one or two short forward
passes when it is asked first; the answers are kept as long as the module is built as it was (`as_built`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch
from attrs import define, field
from torch import Tensor, nn
from transformers import PreTrainedModel
from wherefrom.adapters import Side
from wherefrom.adapters.hiding import cannot_hide, cannot_hide_all
from wherefrom.errors import ModelCapabilityError, WherefromError, WherefromWarning

from wherefrom_hf.running.as_built import is_hooked, kept_as_built, kept_for_a_call, was_watched
from wherefrom_hf.running.attention_kernel import FUSED, KERNEL, observed_by
from wherefrom_hf.running.calling import NoPassError
from wherefrom_hf.running.choices import Choices
from wherefrom_hf.running.continued_attention import ContinuedAttention
from wherefrom_hf.running.eager import attention_implementation, called_eager, configs_of
from wherefrom_hf.running.embedding import InputEmbedding, input_embeddings
from wherefrom_hf.running.empty_rows import EmptyRows, computed_plainly
from wherefrom_hf.running.few_bits import has_few_bits
from wherefrom_hf.running.head import cut_at_head, output_layer
from wherefrom_hf.running.lengths import afresh, lengths_of
from wherefrom_hf.running.ownership import ready
from wherefrom_hf.running.parts import parts_of
from wherefrom_hf.running.passes import EncoderStates, can_continue, given_source, run_encoder, start_run
from wherefrom_hf.running.positions import limits_of
from wherefrom_hf.running.precision import HALF, at_least_single, largest, largest_difference
from wherefrom_hf.running.thresholds import lowered
from wherefrom_hf.running.trials import says_nothing

LENGTH = 48
"""Tokens of a probe: more than the windows of tiny models. Windows of large models are shared by all implementations
of theirs. What a model counts further (sparse attention over thousands of keys) is lowered for a second trial."""

_TOLERANCE = {torch.float64: 1e-8, torch.float32: 5e-4}
"""Part of the largest logit by which two ways of computing the same may differ; half precisions get 0.05."""

_SINGLE = 1e-5
"""What attention that is looked into may differ by in double precision: plain attention makes its weights in single
precision in many models."""

_TOLERANCE_QUANTISED = 0.1
"""The same where products are of few bits: which channels are kept in full (outliers) is decided over all positions of
a pass, so that even a causal model's earlier logits move a little with later tokens. Models that see the future move by
as much as the logits themselves."""


_FAILS = "it fails with"
_ANSWERS = "answers"
_READS = "reads"
"""The question whether what stands before a token moves what is said behind it."""


@define(eq=False)
class _Known:
    """Answers about one module, by question."""

    answers: dict[str, str | None] = field(factory=dict)
    """None: it is so; else the reason why not."""
    length: int | None = None
    """Tokens of its trials, once they are counted."""
    warned: bool = False
    """Was it said that the module looks its input up a second time?"""


_known: WeakKeyDictionary[nn.Module, _Known] = kept_as_built(WeakKeyDictionary())
_failed: WeakKeyDictionary[nn.Module, dict[str, str]] = kept_for_a_call(WeakKeyDictionary())
"""By module and question, how the passes of a probe failed."""


@define(eq=False)
class Probe:
    """Questions about one module; ask while it is `reserved`."""

    module: PreTrainedModel
    target: InputEmbedding

    def causal(self) -> str | None:
        """Why predictions may not be read from one pass over the whole target; None: they may."""

        def difference() -> str | None:
            ids = self._ids()
            half = ids.shape[1] // 2
            changed = ids.clone()
            changed[:, half:-1] = (changed[:, half:-1] + 1) % self._vocabulary()
            before, after = self._logits(ids), self._logits(changed)
            if before.shape[1] != ids.shape[1]:
                return f"{_ANSWERS} {before.shape[1]} of {ids.shape[1]} positions"
            known = _known.setdefault(self.module, _Known()).answers
            known[_READS] = _unread(before[:, -1], after[:, -1])  # these passes tell that, too
            before, after = before[:, :half], after[:, :half]
            reason = self._difference(before, after, "changing later tokens changes", strictness=0.04)
            if reason is not None:
                return reason
            alone = self._logits(ids[:, :half])
            # some compute positions in single precision whatever the weights are, and by the length; in half precision
            # products of another length round otherwise, and a token that was between two experts gets the other one
            least = _TOLERANCE_QUANTISED if self.module.dtype in HALF else 5e-4
            return self._difference(before, alone, "leaving later tokens out changes", least=least)

        def ask() -> str | None:
            reason = difference()
            takes_both = self.module.config.is_encoder_decoder and "input_ids" in start_run(self.module).accepts
            if reason is None or not takes_both:
                return reason
            return self._told(given_source, reason, difference)

        return self._answer("causal", ask)

    def need_causal(self) -> None:
        """Refuse a model whose predictions depend on what comes after them, or are not made at every position.

        Raises:
            ModelCapabilityError: As it says.
        """
        reason = self.causal()
        if reason is not None and reason.startswith(_ANSWERS):
            raise ModelCapabilityError(
                f"{type(self.module).__name__} {reason}, and predictions are read at every step of one pass. Let its "
                "forward give the logits of all positions, or take logits_to_keep, which 0 asks for all of."
            )
        if reason is not None and not reason.startswith(_FAILS):  # the pass that is asked for will say it better
            raise ModelCapabilityError(
                f"{type(self.module).__name__} is not causal: {reason}. Every step would see the future, so nothing "
                f"can be attributed. Load a causal model{_made_causal(self.module.config)}. Layers that round what "
                "they are given by the largest value of a whole sequence (quantize_dynamic) see the future too: "
                "quantise the weights alone."
            )

    def need_places(self) -> None:
        """Refuse a model whose logits cannot be read at chosen places of one pass: one that is not causal, or one that
        makes something of its logits, behind the output layer, that hangs on where they stand.

        Raises:
            ModelCapabilityError: As it says.
        """
        self.need_causal()
        reason = self._places()
        if reason is not None and not reason.startswith(_FAILS):  # the pass that is asked for will say it better
            raise ModelCapabilityError(
                f"{type(self.module).__name__} makes something of its logits behind the output layer that hangs on "
                f"more than each of them: {reason}. Only logits that are read are computed, side by side. Let its "
                "forward give the logits as the output layer makes them, and put the rest into a step function."
            )

    def _places(self) -> str | None:
        """Why logits may not be made at chosen places alone; None: they may."""
        if was_watched(self.module, self.module) or was_watched(self.module, output_layer(self.module)):
            return None  # a warning says what such a hook sees

        def ask() -> str | None:
            ids = self._ids()
            whole = self._logits(ids)
            places = torch.tensor([ids.shape[1] // 2, 1], device=ids.device)
            try:
                with cut_at_head(self.module, torch.zeros_like(places), places, detach=False):
                    came = self._logits(ids)
            except WherefromError:
                raise
            except Exception as error:  # of shapes that do not fit, as a rule
                if says_nothing(error):
                    raise
                return f"asked for two places of {ids.shape[1]}, {_FAILS} {type(error).__name__} ({error})"
            return self._difference(whole[:, places], came, "two places alone have other")

        return self._answer("logits of chosen places", ask)

    def same_under(self, implementation: str, *, least: float = 0.0) -> str | None:
        """Why attention may not be computed by ``implementation`` instead of the loaded one; None: it may.

        A reason, if it says so: other logits, or a pass that fails.

        Args:
            least: Part of the largest logit that may differ, whatever the precision.
        """
        loaded = [config._attn_implementation_internal for config in configs_of(parts_of(self.module))]
        if all(one == implementation for one in loaded):
            return None

        def ask() -> str | None:
            ids, choices = self._ids(), Choices()
            with choices:
                expected = self._logits(ids)
            what = f"attention by {implementation!r} instead of {loaded[0]!r} changes"

            def difference() -> str | None:
                with attention_implementation(self.module, implementation):
                    reason = self._difference(expected, self._logits(ids), what, least=least)
                    if reason is not None and self.module.dtype in HALF and choices.made:
                        with choices.held():  # a token that was between two experts may have got the other one
                            reason = self._difference(expected, self._logits(ids), what, least=least)
                return reason

            reason = difference()
            if reason is None or implementation != KERNEL or self.module in called_eager:
                return reason
            return self._told(called_eager, reason, difference)

        return self._answer(f"same under {implementation} as {loaded}, {least:g}", ask)

    def watchable(self) -> str | None:
        """Why attention may not be watched: None where the watched kernel says what the loaded one says."""
        return self.same_under(KERNEL)

    def continues(self) -> bool:
        """May a pass be cut, each part going on from the cache of the one before?

        Not where a user's hook is: it may be meant for one place of the sequence, and would see another.
        """
        if not can_continue(self.module) or is_hooked(self.module):
            return False

        def ask() -> str | None:
            ids = self._ids()
            run = start_run(self.module, self._encoder(1))
            middle = ids.shape[1] // 2
            for end in (middle // 2, middle):
                _, run = run.forward(ids[:, run.position : end], None, keep=True)
            run = run.spread(2, self._encoder(2))
            output, _ = run.forward(ids[:, middle:].expand(2, -1), None, keep=False)
            whole = self._logits(ids)[:, middle:]
            return self._difference(whole.expand(2, -1, -1), at_least_single(output.logits), "a cache changes")

        return self._answer("continues", ask) is None

    def continues_in_two(self) -> bool:
        """May attention of what goes on from a cache be computed in two parts, see `continued_attention`?"""

        def ask() -> str | None:
            ids = self._ids()
            middle = ids.shape[1] // 2
            _, run = start_run(self.module).forward(ids[:, :middle], None, keep=True)
            with observed_by(self.module, ContinuedAttention(), FUSED):
                output, _ = run.forward(ids[:, middle:], None, keep=False)
            expected = self._logits(ids)[:, middle:]
            return self._difference(expected, at_least_single(output.logits), "attention in two parts changes")

        alone = not self.module.config.is_encoder_decoder
        return alone and self.same_under(FUSED) is None and self._answer("continues in two", ask) is None

    def beside(self) -> str | None:
        """Why rows may not be run beside others, shorter ones padded on the right; None: each says what it says alone.

        A mixture may count what an expert takes over all tokens of a pass, padding too.
        """

        def ask() -> str | None:
            ids = self._ids()
            own = ids.flip(1)
            if not lengths_of(self.module):  # those that read each length in its own way are not run beside longer ones
                own = own[:, : (ids.shape[1] + 1) // 2]
            length = own.shape[1]
            both = torch.cat([ids, torch.cat([own, ids[:, length:]], dim=1)])
            alone = beside = None
            if self.module.config.is_encoder_decoder:
                visible = torch.ones_like(both)
                visible[1, length:] = 0
                alone = run_encoder(self.module, own, visible[:1, :length])
                beside = run_encoder(self.module, both, visible)
            expected = self._logits_of(own, alone, None)
            came = self._logits_of(both, beside, None)[1:, :length]
            least = _TOLERANCE_QUANTISED if self.module.dtype in HALF else 0.0  # see `causal`
            return self._difference(expected, came, "another row beside it changes", least=least)

        return self._answer("beside others", ask)

    def pads_left(self) -> bool:
        """May prompts of different lengths be generated from together, shorter ones padded on the left?

        Not where forward takes neither mask nor numbers of positions, the state of padding is carried along, or a hook
        of the user's may count positions from the first.
        """
        if is_hooked(self.module):
            return False

        def ask() -> str | None:
            ids = self._ids()[:, :12]
            filled = torch.cat([ids[:, :5], ids], dim=1)
            visible = torch.ones_like(filled)
            visible[:, :5] = 0
            accepts = start_run(self.module).accepts
            given = {"attention_mask": visible, "position_ids": (visible.cumsum(-1) - 1).clamp_min(0)}
            with afresh(self.module):
                output = self.module(
                    input_ids=filled,
                    use_cache=False,
                    **{name: value for name, value in given.items() if name in accepts},
                )
                alone = self.module(input_ids=ids, use_cache=False)
            return self._difference(alone.logits[:, -1], output.logits[:, -1], "padding on the left changes")

        return self._answer("takes left padding", ask) is None

    def need_nothing_from_hidden(self) -> None:
        """Refuse a model whose queries see what is hidden, or what is later, where all that they may see is hidden.

        Raises:
            ModelCapabilityError: As it says.
        """

        def logits(ids: Tensor, encoder: EncoderStates | None, visible: Tensor | None) -> Tensor:
            with observed_by(self.module, EmptyRows()) if computed_plainly(self.module) else nullcontext():
                return self._logits_of(ids, encoder, visible)

        def ask() -> str | None:
            ids = self._ids()[:, :12]
            visible = torch.ones_like(ids)
            visible[:, :2] = 0
            changed = ids.clone()
            changed[:, [0, *range(6, ids.shape[1])]] += 1
            before, after = (logits(one % self._vocabulary(), self._encoder(1), visible) for one in (ids, changed))
            reason = self._difference(before[:, 1:6], after[:, 1:6], "what is hidden or later changes")
            if reason is not None or not self.module.config.is_encoder_decoder:
                return reason
            sources = (
                run_encoder(self.module, one % self._vocabulary(), torch.zeros_like(one)) for one in (ids, changed)
            )
            before, after = (logits(ids, source, None) for source in sources)
            return self._difference(before, after, "a hidden source changes")

        reason = self._answer("nothing from hidden", ask)
        if reason is not None:
            raise cannot_hide_all(type(self.module).__name__, reason)

    def need_hidden_unread(self) -> None:
        """Refuse a model that carries hidden tokens on to others, as recurrences do that know no mask.

        Raises:
            ModelCapabilityError: As it says.
        """

        def ask() -> str | None:
            ids = self._ids()[:, :12]
            place = 4
            visible = torch.ones_like(ids)
            visible[:, place] = 0
            changed = ids.clone()
            changed[:, place] = (changed[:, place] + 1) % self._vocabulary()
            others = visible[0].bool()

            def difference(before: Tensor, after: Tensor, what: str) -> str | None:
                return self._difference(before, after, f"a hidden token {what} changes", strictness=0.04)

            encoder = self._encoder(1)
            before, after = (self._logits_of(one, encoder, visible)[:, others] for one in (ids, changed))
            reason = difference(before, after, "of the target")
            if reason is not None or encoder is None:
                return reason
            sources = [run_encoder(self.module, one, visible) for one in (ids, changed)]
            before, after = (self._logits_of(ids, source, None) for source in sources)
            return difference(before, after, "of the source")

        reason = self._answer("hidden unread", ask)
        if reason is not None and not reason.startswith(_FAILS):  # the pass that is asked for will say it better
            raise cannot_hide(type(self.module).__name__, reason)

    def looks_up_again(self) -> str | None:
        """What shows that the input's ids do more than their embeddings do; None: these are all that is read."""

        def ask() -> str | None:
            ids = self._ids()
            sides: tuple[Side, ...] = ("source", "target") if self.module.config.is_encoder_decoder else ("target",)
            what = "other ids with the same embeddings change"
            reasons = (self._beside_embeddings(side, ids, ids.roll(1, dims=1), what) for side in sides)
            return next((reason for reason in reasons if reason is not None), None)

        reason = self._answer("looks up again", ask)
        return None if reason is None or reason.startswith(_FAILS) else reason

    def warn_of_other_lookups(self) -> None:
        """Say once per module that embeddings are not all that the input's ids decide.

        Gradients and baselines are of the input embedding alone; what is looked up besides stays as it is.
        """
        reason = self.looks_up_again()
        known = _known.setdefault(self.module, _Known())
        if reason is not None and not known.warned:
            known.warned = True
            warnings.warn(
                f"{type(self.module).__name__} looks its input up a second time: {reason}. Gradients and baselines are "
                "of the input embedding alone, so what the ids bring besides (another table, the choice of experts) is "
                "in no score. Methods that change ids see both: occlusion, feature_ablation and lime with "
                "baseline='delete' or a token.",
                WherefromWarning,
                stacklevel=2,
            )

    def reads_as_padding(self, token_id: int, side: Side) -> bool:
        """Does this id hide its token on a side, or move those behind it, beside what its embedding does?"""
        if token_id not in _paddings(self.module) or self.looks_up_again() is not None:
            return False

        def ask() -> str | None:
            ids, place = self._ids(), 4
            padded = ids.clone()
            padded[:, place] = token_id
            ids[:, place] = ids[:, place + 1]
            return self._beside_embeddings(side, padded, ids, "an id that is read as padding changes")

        reason = self._answer(f"reads {token_id} as padding in the {side}", ask)
        return reason is not None and not reason.startswith(_FAILS)

    def _beside_embeddings(self, side: Side, ids: Tensor, others: Tensor, what: str) -> str | None:
        """The difference that ``others`` make in place of ``ids``, their embeddings being those of ``ids``."""
        source, _ = input_embeddings(self.module)

        def logits(one: Tensor) -> Tensor:
            if side == "source" and source is not None:
                with source.replaced_by(source.of(ids)):
                    encoder = run_encoder(self.module, one, torch.ones_like(one))
                return self._logits_of(self._ids(), encoder, None)
            read = self._encoder(1)
            with self.target.replaced_by(self.target.of(ids)):
                return self._logits_of(one, read, None)

        return self._difference(logits(ids), logits(others), what, strictness=0.04)

    def _told(self, told: WeakSet[PreTrainedModel], reason: str, again: Callable[[], str | None]) -> str | None:
        """None if the reason is gone once the module is among those that are told something; it stays there then."""
        told.add(self.module)
        heard = False
        try:
            heard = again() is None
        finally:
            if not heard:
                told.discard(self.module)
        return None if heard else reason

    def _answer(self, question: str, ask: Callable[[], str | None]) -> str | None:
        """The answer, kept once the module reads anything: while its weights are not trained yet, what it would read
        cannot be seen."""

        def reads() -> str | None:
            ids = self._ids()[:, :12]
            changed = ids.clone()
            changed[:, :-1] = (changed[:, :-1] + 1) % self._vocabulary()
            before, after = (self._logits(one)[:, -1] for one in (ids, changed))
            return _unread(before, after)

        answer, reason = self._first_answer(question, ask), self._first_answer(_READS, reads)
        if reason is not None and not reason.startswith(_FAILS):
            known = _known[self.module].answers
            known.pop(question, None)
            del known[_READS]
        return answer

    def _first_answer(self, question: str, ask: Callable[[], str | None]) -> str | None:
        """The answer of the first time. A pass that fails is an answer for this call (where hooks of the user are, for
        this time): it may not fail again. Running out of memory is none, nor that no pass can run."""
        known = _known.setdefault(self.module, _Known()).answers
        failed = _failed.setdefault(self.module, {})
        if question in known:
            return known[question]
        if question in failed and not is_hooked(self.module):
            return failed[question]
        try:
            with torch.no_grad(), ready(self.module):  # also where dropout is on
                known[question] = self._asked(ask)
        except NoPassError:
            raise
        except WherefromError as error:
            known[question] = str(error)
        except Exception as error:  # whatever a model raises, it cannot do it
            if says_nothing(error):
                raise
            failed[question] = f"{_FAILS} {type(error).__name__} ({error})"
            return failed[question]
        return known[question]

    def _asked(self, ask: Callable[[], str | None]) -> str | None:
        """The answer, that of a model that counts to a few too: what it counts to may be longer than a probe."""
        reason = ask()
        with lowered(self.module) as counting:
            return ask() if reason is None and counting else reason

    def _vocabulary(self) -> int:
        return int(self.target.weight.shape[0])

    def _ids(self) -> Tensor:
        known = _known.setdefault(self.module, _Known())
        if known.length is None:
            known.length = min(LENGTH, *_tables(self.module))
        spread = torch.arange(1, known.length + 1, device=self.target.weight.device) * 7919
        return (spread % max(self._vocabulary() - 8, 1))[None] + min(4, self._vocabulary() - 1)

    def _encoder(self, rows: int) -> EncoderStates | None:
        if not self.module.config.is_encoder_decoder:
            return None
        ids = self._ids()[:, :8].expand(rows, -1)
        return run_encoder(self.module, ids, torch.ones_like(ids))

    def _logits(self, ids: Tensor) -> Tensor:
        return self._logits_of(ids, self._encoder(1), None)

    def _logits_of(self, ids: Tensor, encoder: EncoderStates | None, visible: Tensor | None) -> Tensor:
        output, _ = start_run(self.module, encoder).forward(ids, visible, keep=False)
        return at_least_single(output.logits)

    def _difference(
        self, expected: Tensor, came: Tensor, what: str, strictness: float = 1.0, least: float = 0.0
    ) -> str | None:
        tolerance = max(strictness * _TOLERANCE.get(self.module.dtype, 0.05), least)
        if has_few_bits(self.module):
            tolerance = _TOLERANCE_QUANTISED
        size, most = largest(expected), largest_difference(came, expected)
        if most <= tolerance * max(size, 1e-6):
            return None
        return f"{what} logits by {most:.1e} of {size:.1e}"


def _made_causal(config: Any) -> str:
    """For a message: the setting with which models of this kind are causal, if there is one."""
    if hasattr(config, "causal"):
        kind, setting = "this kind is one", "causal=True"
    elif not getattr(config, "is_decoder", True) and not config.is_encoder_decoder:
        kind, setting = "BERT-like ones", "is_decoder=True"
    elif getattr(config, "use_bidirectional_attention", False):
        kind, setting = "this kind is one", "use_bidirectional_attention=False"
    else:
        return ""
    return f"; {kind} with {setting} in model_kwargs's config"


def _tables(module: PreTrainedModel) -> list[int]:
    """Lengths that tables surely allow: two entries less than any embedding of more than eight has, and than the limit
    of positions that are kept in another table. Beyond one, a card fails for good: nothing runs there any more."""
    sizes = [part.num_embeddings for part in module.modules() if isinstance(part, nn.Embedding)]
    most = limits_of(module).most
    if most is not None:
        sizes.append(most)
    return [LENGTH, *(entries - 2 for entries in sizes if entries > 8)]


def _paddings(module: PreTrainedModel) -> set[Any]:
    """Ids that the module, or a part of it, calls padding."""
    of_parts = {vars(part).get("padding_idx") for part in module.modules()}
    return of_parts | {vars(config).get("pad_token_id") for config in configs_of(parts_of(module))}


def _unread(before: Tensor, after: Tensor) -> str | None:
    """Why a module may read nothing yet: what is said where the tokens in front were changed is the same."""
    return "what stands before changes nothing" if torch.equal(before, after) else None


def need_same(probe: Probe, implementation: str) -> None:
    """Refuse a model that says something else when attention is computed as it must be to look into it.

    Raises:
        ModelCapabilityError: As it says.
    """
    reason = probe.same_under(implementation, least=_SINGLE)
    if reason is not None:
        raise ModelCapabilityError(
            f"The attention of {type(probe.module).__name__} cannot be looked into: {reason}. "
            "Use a method that needs no internals: saliency, integrated_gradients, occlusion."
        )


def need_beside(probe: Probe) -> None:
    """Refuse a model whose rows and baselines cannot be run together, as they hang on each other.

    Raises:
        ModelCapabilityError: As it says.
    """
    reason = probe.beside()
    if reason is not None and not reason.startswith(_FAILS):  # the pass that is asked for will say it better
        raise ModelCapabilityError(
            f"{type(probe.module).__name__} cannot be run on rows and their baselines in one pass: {reason}. Use "
            "integrated_gradients, whose rows are run one by one then."
        )


_INSTEAD = {
    "looked into": "a method that needs no internals: saliency, integrated_gradients, occlusion",
    "differentiated by the rescale rule": "integrated_gradients, which needs no rules",
}


@contextmanager
def looking_into(module: PreTrainedModel, done: str = "looked into") -> Iterator[None]:
    """Within the block, whatever a model's structure breaks is a refusal with the reason.

    No function of a caller's may run here: its errors are the caller's.

    Args:
        done: What is done with the model, as a participle.

    Raises:
        ModelCapabilityError: The model is built in a way that cannot be looked into.
    """
    try:
        yield
    except WherefromError:
        raise
    except Exception as error:
        if says_nothing(error):
            raise
        raise ModelCapabilityError(
            f"{type(module).__name__} is built in a way that cannot be {done} ({type(error).__name__}: {error}). "
            f"Use {_INSTEAD.get(done, 'occlusion or lime')}."
        ) from error
