"""A model small enough to check by hand: NumPy, double precision, every derivative written out.

It satisfies the Protocols of `wherefrom.adapters` in the plainest way, row by row, and so shows what they
mean. The laws that methods claim are tested on it, and it is the example for whoever writes an adapter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import attrs
import numpy as np
from attrs import evolve, field, frozen

from wherefrom.adapters import Encoding, ModelCard, Row, RowAttention, RowFunction, RowGradients, RowPrediction, Side
from wherefrom.arrays import IntArray
from wherefrom.errors import InputError, SettingsError
from wherefrom.step_functions.code import UntoldError, told
from wherefrom.testing._blocks import Floats
from wherefrom.testing._logit_gradients import logit_gradients
from wherefrom.testing._networks import AttentionNetwork, Network, Pass
from wherefrom.testing._vocabulary import Vocabulary
from wherefrom.text.tokens import Segment, Token

MAX_LENGTH = 64


@frozen(kw_only=True, eq=False)
class NumpyModel:
    """A network over a vocabulary, as an adapter: predicts, embeds and gives gradients."""

    kind: Literal["decoder-only", "encoder-decoder"]
    table: Floats
    """Embedding of each piece, shape ``(vocabulary, width)``."""
    network: Network
    vocabulary: Vocabulary = field(factory=Vocabulary)
    name: str = "numpy"
    hides_positions: bool = True
    layers: int = 0
    heads: int = 0

    @property
    def card(self) -> ModelCard:
        return ModelCard(
            name=self.name,
            kind=self.kind,
            model_class=type(self).__name__,
            tokenizer_name="words",
            tokenizer_class="Vocabulary",
            framework="numpy",
            dtype="float64",
            layers=self.layers,
            heads=self.heads,
            width=self.table.shape[1],
            vocabulary=len(self.vocabulary),
            bos_id=self.vocabulary.id_of("<s>") if self.kind == "decoder-only" else None,
            eos_ids=(self.vocabulary.id_of("</s>"),),
            pad_id=self.vocabulary.id_of("<pad>"),
            unk_id=self.vocabulary.id_of("<unk>"),
            mask_id=self.vocabulary.id_of("<mask>"),
            decoder_start_id=self.vocabulary.id_of("<s>") if self.kind == "encoder-decoder" else None,
            max_length=MAX_LENGTH,
        )

    def encode(
        self,
        text: str | Sequence[Mapping[str, str]],
        *,
        side: Side,
        add_special_tokens: bool = True,
        decoder_prefix: bool = False,
    ) -> Encoding:
        rendered, turns = _render(text)
        seq2seq = self.kind == "encoder-decoder"
        start = (seq2seq and side == "target") or (not seq2seq and add_special_tokens)
        end = seq2seq and add_special_tokens and not decoder_prefix
        tokens = [self.vocabulary.token(self.vocabulary.id_of("<s>"), 0)] if start else []
        first = len(tokens)
        for index, begin, stop, word in self.vocabulary.split(rendered):
            piece = self.vocabulary.token(index, len(tokens))
            shown = rendered[begin:stop] if piece.piece == "<unk>" else piece.text.strip()
            space = " " if begin and rendered[begin - 1].isspace() else ""
            tokens.append(
                Token(
                    id=index,
                    piece=piece.piece,
                    text=space + shown,
                    position=len(tokens),
                    start=begin,
                    end=stop,
                    word=word,
                )
            )
        segments = tuple(
            Segment(
                side=side,
                start=first + sum(token.start < begin for token in tokens[first:] if token.start is not None),
                end=first + sum(token.start < stop for token in tokens[first:] if token.start is not None),
                kind="turn",
                label=role,
            )
            for role, begin, stop in turns
        )
        if end:
            tokens.append(self.vocabulary.token(self.vocabulary.id_of("</s>"), len(tokens)))
        ids = np.array([token.id for token in tokens], np.int64)
        return Encoding(ids=ids, tokens=tuple(tokens), text=rendered, segments=segments)

    def tokens(self, ids: IntArray, *, side: Side) -> tuple[Token, ...]:
        return tuple(self.vocabulary.token(int(index), position) for position, index in enumerate(ids))

    def decode(self, ids: IntArray, *, skip_special_tokens: bool = True) -> str:
        return self.vocabulary.text([int(i) for i in ids], skip_special_tokens=skip_special_tokens)

    def generate(
        self,
        prompts: Sequence[IntArray],
        *,
        decoder_prefixes: Sequence[IntArray] | None = None,
        settings: Mapping[str, Any],
        seed: int | None = None,
    ) -> list[list[IntArray]]:
        known = {"max_new_tokens", "do_sample", "num_return_sequences"}
        if unknown := sorted(set(settings) - known):
            raise SettingsError(f"NumpyModel cannot generate with {unknown!r}. It knows: {', '.join(sorted(known))}.")
        rng = np.random.default_rng(seed)
        answers = []
        for index, prompt in enumerate(prompts):
            source = prompt if self.kind == "encoder-decoder" else None
            if source is None:
                begin = prompt
            elif decoder_prefixes is not None:
                begin = decoder_prefixes[index]
            else:
                begin = np.array([self.vocabulary.id_of("<s>")], np.int64)
            answers.append(
                [
                    self._continue(begin, source, settings, rng)
                    for _ in range(int(settings.get("num_return_sequences", 1)))
                ]
            )
        return answers

    def _continue(
        self, ids: IntArray, source: IntArray | None, settings: Mapping[str, Any], rng: np.random.Generator
    ) -> IntArray:
        for _ in range(min(int(settings.get("max_new_tokens", 10)), MAX_LENGTH - len(ids))):
            longer = np.append(ids, 0)
            logits = self._run(Row(target_ids=longer, steps=np.array([len(ids)]), source_ids=source)).logits[-1]
            if settings.get("do_sample", False):
                shares = np.exp(logits - logits.max())
                following = int(rng.choice(len(shares), p=shares / shares.sum()))
            else:
                following = int(logits.argmax())
            ids = np.append(ids, following)
            if following == self.vocabulary.id_of("</s>"):
                break
        return ids

    def embed(self, ids: IntArray, *, side: Side) -> Floats:
        return self.table[ids]

    def embedding_table(self, *, side: Side) -> Floats:
        return self.table

    def mean_embedding(self, *, side: Side) -> Floats:
        mean: Floats = self.table.mean(axis=0)
        return mean

    def predict(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowPrediction]:
        for row in rows:
            logits = self._run(row).logits[row.steps - 1]
            yield RowPrediction(logits=logits, scores=_step_scores(row, logits))

    def gradients(
        self, rows: Iterable[Row], *, chunk: int | None = None, source: bool = True, target: bool = True
    ) -> Iterator[RowGradients]:
        for row in rows:
            function = row.asked()
            forward = self._run(row)
            logits = forward.logits[row.steps - 1]
            d_target, d_source = forward.pull(_seed(row, function, logits, len(forward.logits)))
            full = np.zeros((len(d_target), len(row.target_ids), self.table.shape[1]))
            full[:, : d_target.shape[1]] = d_target
            yield RowGradients(
                values=function.values(logits),
                target=full if target else None,
                source=d_source if source else None,
                scores=_step_scores(row, logits),
            )

    def fingerprint(self) -> str | None:
        """Every array and setting of the network; None where it holds what is neither."""
        try:
            return told((self.kind, self.table, self.network))
        except UntoldError:
            return None

    @contextmanager
    def randomised(self, share: float, *, seed: int) -> Iterator[NumpyModel]:
        """A copy with shuffled weights; this model stays as it is."""
        arrays = [self.table, *_arrays(self.network)]
        chosen = arrays[::-1][: math.ceil(share * len(arrays))]
        rng = np.random.default_rng(seed)
        shuffled = {id(one): rng.permuted(one.ravel()).reshape(one.shape) for one in chosen}
        yield evolve(
            self,
            table=shuffled.get(id(self.table), self.table),
            network=_with_arrays(self.network, shuffled),
        )

    def _run(self, row: Row) -> Pass:
        """The forward pass of one row, up to the last position that a step reads."""
        length = int(row.steps.max()) if len(row.steps) else 0
        if length > MAX_LENGTH or (row.source_ids is not None and len(row.source_ids) > MAX_LENGTH):
            raise InputError(f"{self.name} reads at most {MAX_LENGTH} tokens; shorten the text.")
        if (row.source_ids is None) != (self.kind == "decoder-only"):
            raise InputError(
                f"{self.name} is {self.kind}: source ids {row.source_ids!r} do not fit. Encode a text for it."
            )
        target = self.table[row.target_ids] if row.target_embeds is None else np.asarray(row.target_embeds)
        visible = np.ones(len(target), bool) if row.target_visible is None else row.target_visible
        source = source_visible = None
        if row.source_ids is not None:
            source = self.table[row.source_ids] if row.source_embeds is None else np.asarray(row.source_embeds)
            source_visible = np.ones(len(source), bool) if row.source_visible is None else row.source_visible
        return self.network.run(target[:length], source, visible[:length], source_visible)


@frozen(kw_only=True, eq=False)
class AttentiveModel(NumpyModel):
    """A `NumpyModel` whose network attends, and shows it."""

    def attentions(
        self,
        rows: Iterable[Row],
        *,
        queries: Literal["steps", "all"] = "all",
        heads: Literal["all", "mean"] = "all",
    ) -> Iterator[RowAttention]:
        for row in rows:
            forward = self._run(row)

            def shown(weights: Any, at: Any = slice(None)) -> Any:
                if weights is None:
                    return None
                return (weights.mean(1, keepdims=True) if heads == "mean" else weights)[:, :, at]

            at = row.steps - 1 if queries == "steps" else slice(None)
            yield RowAttention(
                decoder=shown(forward.decoder_attention, at),
                encoder=shown(forward.encoder_attention),
                cross=shown(forward.cross_attention, at),
                scores=_step_scores(row, forward.logits[row.steps - 1]),
            )


def ReferenceModel(  # noqa: N802  (to its users it is the model's class)
    kind: Literal["decoder-only", "encoder-decoder"] = "decoder-only",
    *,
    width: int = 8,
    heads: int = 2,
    layers: int = 2,
    seed: int = 0,
) -> AttentiveModel:
    """The reference: a transformer of random weights with hand-written gradients.

    Args:
        width: Size of an embedding, divisible by ``heads``.
        seed: Decides all weights.
    """
    vocabulary = Vocabulary()
    network = AttentionNetwork.random(
        width=width,
        heads=heads,
        layers=layers,
        vocabulary=len(vocabulary),
        max_length=MAX_LENGTH,
        seed=seed,
        encoder=kind == "encoder-decoder",
    )
    table = np.random.default_rng([seed, 1]).normal(size=(len(vocabulary), width))
    return AttentiveModel(
        kind=kind,
        table=table,
        network=network,
        vocabulary=vocabulary,
        name=f"reference ({kind})",
        layers=layers,
        heads=heads,
    )


def _seed(row: Row, target_function: RowFunction, logits: Floats, positions: int) -> Floats:
    """Cotangents of all logits, one entry per output of the target function. Shape ``(K, positions,
    vocabulary)``."""
    gradients = logit_gradients(target_function, logits)
    cotangents = np.zeros((target_function.outputs, positions, logits.shape[1]))
    np.add.at(cotangents, (target_function.output_of_step, row.steps - 1), gradients)
    return cotangents


def _step_scores(row: Row, logits: Floats) -> dict[str, Any]:
    return {name: target_function.step_values(logits) for name, target_function in row.scores.items()}


def _arrays(thing: Any) -> list[Floats]:
    """Every array within a settings object, in order."""
    if isinstance(thing, np.ndarray):
        return [thing]
    if isinstance(thing, tuple):
        return [one for part in thing for one in _arrays(part)]
    if attrs.has(type(thing)):
        return [one for part in attrs.fields(type(thing)) for one in _arrays(getattr(thing, part.name))]
    return []


def _with_arrays(thing: Any, others: Mapping[int, Floats]) -> Any:
    """A copy with some arrays in place of those of the given identities."""
    if isinstance(thing, np.ndarray):
        return others.get(id(thing), thing)
    if isinstance(thing, tuple):
        return tuple(_with_arrays(part, others) for part in thing)
    if attrs.has(type(thing)):
        parts = {one.name: _with_arrays(getattr(thing, one.name), others) for one in attrs.fields(type(thing))}
        return evolve(thing, **parts)
    return thing


def _render(text: str | Sequence[Mapping[str, str]]) -> tuple[str, list[tuple[str, int, int]]]:
    """A chat as one text, with the character span of each turn; a plain text as it is."""
    if isinstance(text, str):
        return text, []
    rendered = ""
    turns = []
    for message in text:
        begin = len(rendered)
        rendered += f"{message['role']} {message['content']} "
        turns.append((message["role"], begin, len(rendered)))
    return rendered.rstrip(), turns
