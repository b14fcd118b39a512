"""Does an adapter keep its promises? One named check per promise, capability by capability.

::

    @pytest.mark.parametrize("check", checks_for(model), ids=str)
    def test_my_adapter(check):
        check(model)

Checks need no knowledge of the framework: they compare the adapter's answers with each other (a batch with
single rows, a reused prefix with a full pass) and with the arithmetic they claim to be (gradients with finite
differences).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from attrs import evolve, field, frozen

from wherefrom.adapters import (
    Embeds,
    Encoding,
    FindsBadWeights,
    GivesAttention,
    GivesFingerprint,
    GivesGradients,
    HidesPositions,
    PredictsSteps,
    RandomisesWeights,
    ReadsPadding,
    Row,
    SequenceModel,
    Side,
)
from wherefrom.adapters.attention_gradients import RollsAttentionGradients
from wherefrom.adapters.check import missing_members
from wherefrom.adapters.gradient_rules import FollowsGradientRules, GradientRules
from wherefrom.adapters.layers import Depth, GivesLayers
from wherefrom.adapters.rescale import GivesRescale
from wherefrom.arrays import IntArray, like, to_numpy
from wherefrom.errors import InputError, ModelCapabilityError, UsageError
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS, log_softmax
from wherefrom.testing.questions import question
from wherefrom.text.segmentation import words

Floats = npt.NDArray[Any]

TEXTS = (
    ("the cat", "sat on the mat"),
    ("a small dog saw the old house and", "slept"),
    ("who was it", "the bird was not in"),
)
"""Pairs of different lengths: what is read, what is said."""


class ConformanceError(AssertionError):
    """An adapter breaks a promise; the message says which, and what came instead."""


@frozen(kw_only=True)
class Tolerance:
    """How far two computations of the same thing may lie apart, relative to the largest value."""

    equal: float
    """The same arithmetic in another order or another batch."""
    difference: float
    """Finite differences against a gradient."""
    step: float
    """Length of a finite step, relative to the input."""

    @classmethod
    def of(cls, dtype: str) -> Tolerance:
        """What the arithmetic of ``dtype`` allows: rounding for equality, its square root or so for
        differences."""
        if "64" in dtype:
            return cls(equal=1e-9, difference=1e-6, step=1e-4)
        if "bfloat16" in dtype or dtype.endswith("float16"):
            return cls(equal=5e-2, difference=0.5, step=0.3)
        return cls(equal=5e-5, difference=3e-2, step=4e-4)


@frozen(kw_only=True)
class Check:
    """One promise of one capability."""

    name: str
    needs: type
    run: Callable[[Case], None] = field(repr=False)

    def __call__(self, model: Any, texts: Sequence[tuple[str, str]] = TEXTS) -> None:
        """Hold ``model`` to it.

        Raises:
            ConformanceError: The promise is broken, or nothing came to hold it against: an error in the adapter, or in
                what the check makes of its answers, is its cause.
            InputError: ``texts`` are no pairs of texts.
        """
        pairs = _pairs(texts)
        try:
            self.run(Case(model=model, texts=pairs, tolerance=Tolerance.of(model.card.dtype)))
        except ConformanceError:
            raise
        except Exception as error:
            raise ConformanceError(f"It ended in {type(error).__name__}: {error}") from error

    def __str__(self) -> str:
        return f"{self.needs.__name__}: {self.name}"


@frozen(kw_only=True, eq=False)
class Case:
    """A model and what it is asked about."""

    model: Any
    texts: tuple[tuple[str, str], ...]
    tolerance: Tolerance

    @property
    def reads_source(self) -> bool:
        return bool(self.model.card.kind == "encoder-decoder")

    def rows(self, function: str = "probability") -> list[Row]:
        return [question(self.model, *pair, function=function).row() for pair in self.texts]

    def longest(self, function: str = "probability") -> Row:
        return max(self.rows(function), key=lambda row: len(row.target_ids))

    def late(self, function: str = "probability") -> Row:
        """The longest row, asked about the later half of its steps: what stands before them can be shared."""
        row = self.longest(function)
        return row.select(np.arange(len(row.steps) // 2, len(row.steps)))

    def logits(self, rows: Iterable[Row], **settings: Any) -> list[Floats]:
        asked = list(rows)
        answers = list(self.model.predict(iter(asked), **settings))
        require_answers(answers, asked, "predict")
        for answer in answers:
            require(
                hasattr(answer, "logits"),
                f"predict answered with a {type(answer).__name__}: expected RowPrediction(logits=..., scores=...).",
            )
        return [to_numpy(answer.logits) for answer in answers]

    def generated(self, prompts: Sequence[IntArray], seed: int, **settings: Any) -> list[list[IntArray]]:
        answers = list(self.model.generate(prompts, settings=settings, seed=seed))
        require(len(answers) == len(prompts), f"{len(prompts)} prompts, {len(answers)} answers.")
        for answer in answers:
            require(
                all(np.ndim(one) == 1 for one in answer),
                "generate must answer each prompt with a list of sequences, each an array of ids. One prompt got: "
                f"{answer!r}.",
            )
        return answers

    def close(self, came: Any, expected: Any, what: str) -> None:
        require_close(came, expected, self.tolerance.equal, what)


CHECKS: list[Check] = []


def check(needs: type, name: str) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    """Add a promise to the list."""

    def add(run: Callable[[Case], None]) -> Callable[[Case], None]:
        CHECKS.append(Check(name=name, needs=needs, run=run))
        return run

    return add


def checks_for(model: Any) -> list[Check]:
    """The checks of every capability that ``model`` has.

    Raises:
        ConformanceError: It is no adapter: it is a class, or lacks members of `SequenceModel` or `PredictsSteps`.
    """
    if isinstance(model, type):
        raise ConformanceError(f"An adapter is an object, and {model.__name__} is a class. Give {model.__name__}(...).")
    lacks = missing_members(model, (SequenceModel, PredictsSteps))
    require(
        not lacks,
        f"{type(model).__name__} is no adapter: it lacks {', '.join(lacks)}. Every adapter satisfies SequenceModel and "
        "PredictsSteps (wherefrom.adapters).",
    )
    return [one for one in CHECKS if isinstance(model, one.needs)]


def check_adapter(model: Any, texts: Sequence[tuple[str, str]] = TEXTS) -> list[str]:
    """Hold ``model`` to every promise of every capability it has.

    Args:
        texts: Pairs that the model's tokenizer can spell: for a decoder-only model prompt and continuation,
            for an encoder-decoder source and target.

    Returns:
        Names of the checks that were made.

    Raises:
        ConformanceError: Lists every broken promise, or what an adapter has and ``model`` lacks.
        InputError: ``texts`` are no pairs of texts.
    """
    texts = _pairs(texts)
    broken = []
    made = checks_for(model)
    for one in made:
        try:
            one(model, texts)
        except ConformanceError as error:
            broken.append(f"{one}: {error}")
    if broken:
        raise ConformanceError(f"{len(broken)} of {len(made)} checks failed:\n" + "\n".join(broken))
    return [str(one) for one in made]


def _pairs(texts: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    pairs = tuple(() if isinstance(pair, str) else tuple(pair) for pair in texts)
    if not pairs or any(len(pair) != 2 or not all(isinstance(text, str) for text in pair) for pair in pairs):
        raise InputError(f"texts = {texts!r:.200} must be pairs of texts: [('what is read', 'what is said'), ...].")
    return cast("tuple[tuple[str, str], ...]", pairs)


def require(condition: bool, message: str) -> None:
    """Raise a `ConformanceError` unless ``condition`` holds."""
    if not condition:
        raise ConformanceError(message)


def require_answers(answers: Sequence[Any], rows: Sequence[Row], what: str) -> None:
    """Raise unless there is one answer per row."""
    require(len(answers) == len(rows), f"{what}: {len(rows)} rows, {len(answers)} answers.")


def require_close(came: Any, expected: Any, tolerance: float, what: str) -> None:
    """Raise unless two arrays agree in shape, and in value to ``tolerance`` of the largest."""
    came, expected = to_numpy(came), to_numpy(expected)
    require(came.shape == expected.shape, f"{what}: expected shape {expected.shape}, got {came.shape}.")
    if not expected.size:
        return
    require(bool(np.isfinite(came).all()), f"{what}: not all values are finite.")
    scale = max(float(np.abs(expected).max()), 1e-12)
    gap = float(np.abs(came - expected).max())
    require(
        gap <= tolerance * scale,
        f"{what}: off by {gap:.3g}; {tolerance * scale:.3g} is allowed, as the largest value is {scale:.3g}.",
    )


def _paired(first: Iterable[Any], second: Iterable[Any], what: str) -> Iterator[tuple[Any, Any]]:
    first, second = list(first), list(second)
    require(len(first) == len(second), f"{what}: expected {len(second)} answers, got {len(first)}.")
    return zip(first, second, strict=True)


def _first(answers: Iterable[Any], what: str) -> Any:
    for answer in answers:
        return answer
    raise ConformanceError(f"{what}: one row, no answer.")


def _sides(case: Case) -> tuple[Side, ...]:
    return ("source", "target") if case.reads_source else ("target",)


# --- who the model is, text and ids -------------------------------------------------------------------------


@check(SequenceModel, "the card says who the model is")
def _card(case: Case) -> None:
    card = case.model.card
    require(card.kind in ("decoder-only", "encoder-decoder"), f"card.kind is {card.kind!r}.")
    require(bool(card.name), "card.name is empty.")
    require(card.vocabulary > 0, f"card.vocabulary is {card.vocabulary}.")
    if case.reads_source:
        require(card.decoder_start_id is not None, "An encoder-decoder needs card.decoder_start_id.")


@check(SequenceModel, "tokens go with ids")
def _tokens(case: Case) -> None:
    for text in (part for pair in case.texts for part in pair):
        for side in _sides(case):
            encoding = case.model.encode(text, side=side)
            ids = [token.id for token in encoding.tokens]
            require(ids == list(encoding.ids), f"encode({text!r}): ids {list(encoding.ids)} but tokens {ids}.")
            positions = [token.position for token in encoding.tokens]
            require(positions == list(range(len(ids))), f"encode({text!r}): token positions are {positions}.")
            relabelled = case.model.tokens(encoding.ids, side=side)
            pieces = [token.piece for token in relabelled]
            expected = [token.piece for token in encoding.tokens]
            require(pieces == expected, f"tokens() spells the ids of {text!r} {pieces}, encode() {expected}.")


@check(SequenceModel, "decoding undoes encoding")
def _round_trip(case: Case) -> None:
    for text in (part for pair in case.texts for part in pair):
        for side in _sides(case):
            back = case.model.decode(case.model.encode(text, side=side).ids)
            require(
                back.strip() == text,
                f"decode(encode({text!r})) gives {back!r}. If its tokenizer cannot spell this text, give texts that it "
                "can: check_adapter(model, [('what is read', 'what is said'), ...]).",
            )


@check(SequenceModel, "character spans point at the tokens' text")
def _spans(case: Case) -> None:
    for text, side, encoding in _encoded(case):
        for token in encoding.tokens:
            if token.start is not None and token.end is not None and not token.special:
                spelled = encoding.text[token.start : token.end]
                require(
                    spelled.strip() == token.text.strip(),
                    f"Token {token.text!r} of {text!r} ({side}) points at {spelled!r} ({token.start} to {token.end}).",
                )


def _encoded(case: Case) -> Iterator[tuple[str, Side, Encoding]]:
    for text in (part for pair in case.texts for part in pair):
        for side in _sides(case):
            yield text, side, case.model.encode(text, side=side)


@check(SequenceModel, "tokens of one word are those of a word of the text")
def _words(case: Case) -> None:
    for text, side, encoding in _encoded(case):
        spans = words(encoding.text)
        placed: dict[int, set[int]] = {}  # by a word of the tokens, those of the text
        for token in encoding.tokens:
            if token.word is None or token.start is None or token.end is None:
                continue
            within = {place for place, (begin, end) in enumerate(spans) if begin < token.end and token.start < end}
            placed.setdefault(token.word, set()).update(within)
        for word, within in placed.items():
            spelt = [encoding.text[begin:end] for begin, end in (spans[place] for place in sorted(within))]
            require(len(within) <= 1, f"Word {word} of the {side} {text!r} is of several words of the text: {spelt}.")
            same = [other for other, those in placed.items() if those & within]
            require(len(same) <= 1, f"{spelt} of the {side} {text!r} is one word, and has the numbers {same}.")


@check(SequenceModel, "special tokens are added only where asked")
def _special(case: Case) -> None:
    text = case.texts[0][1]
    bare = case.model.encode(text, side="target", add_special_tokens=False)
    start = case.model.card.decoder_start_id
    if case.reads_source:
        require(
            int(bare.ids[0]) == start,
            f"A target must begin with token {start}; it begins with {bare.ids[0]}.",
        )
        prefix = case.model.encode(text, side="target", decoder_prefix=True).ids
        ends = set(case.model.card.eos_ids)
        require(int(prefix[-1]) not in ends, f"A decoder prefix must not end: {list(prefix)} ends with EOS.")
        require(int(prefix[0]) == start, f"A decoder prefix must begin with token {start}, not {prefix[0]}.")
    else:
        special = [token.text for token in bare.tokens if token.special]
        require(not special, f"add_special_tokens=False still adds {special}.")


@check(SequenceModel, "a chat is read, or refused in words")
def _chat(case: Case) -> None:
    chat = [{"role": "user", "content": case.texts[0][0]}]
    try:
        encoding = case.model.encode(chat, side="source" if case.reads_source else "target")
    except UsageError:
        return  # a refusal is an answer
    except Exception as error:
        raise ConformanceError(
            f"A chat ended in {type(error).__name__}: {error}. encode is given a text, or a list of messages: read "
            "it by a template, or refuse it with an InputError."
        ) from error
    require(isinstance(encoding.text, str), f"A chat's Encoding.text is a text, not {encoding.text!r}.")


@check(SequenceModel, "an unknown word is a part of the text")
def _unknown(case: Case) -> None:
    card = case.model.card
    marks = {card.bos_id, card.pad_id, card.mask_id, card.decoder_start_id, *card.eos_ids}
    if card.unk_id is None or card.unk_id in marks:  # the same token for several roles, or a stand-in
        return
    for side in _sides(case):
        (token,) = case.model.tokens(np.array([card.unk_id]), side=side)
        require(
            not token.special,
            f"The unknown token {token.piece!r} is special. It stands for a word: special tokens end sentences, and "
            "are left out of texts.",
        )


@check(SequenceModel, "generation continues what it was given, again and again alike")
def _generation(case: Case) -> None:
    prompts = _prompts(case)
    settings = {"max_new_tokens": 4, "do_sample": False}
    together = case.generated(prompts, seed=1, **settings)
    for prompt, answers in zip(prompts, together, strict=True):
        alone = case.generated([prompt], seed=1, **settings)[0]
        same = len(alone) == len(answers) and all(np.array_equal(a, b) for a, b in zip(alone, answers, strict=True))
        require(same, f"Generated together: {answers}; alone: {alone}. Padding must not change what is generated.")
        begin = _beginning(case, prompt)
        for answer in answers:
            require(
                list(answer[: len(begin)]) == begin,
                f"A target must begin with {begin}; it is {list(answer)}.",
            )


def _beginning(case: Case, prompt: IntArray) -> list[int]:
    """What an answer to a prompt begins with."""
    return [case.model.card.decoder_start_id] if case.reads_source else [int(index) for index in prompt]


def _prompts(case: Case) -> list[IntArray]:
    side: Side = "source" if case.reads_source else "target"
    return [case.model.encode(text, side=side).ids for text, _ in case.texts]


@check(SequenceModel, "something is generated, and no more than was asked for")
def _generated_length(case: Case) -> None:
    prompts = _prompts(case)
    for most in (1, 4):
        answers = case.generated(prompts, seed=1, max_new_tokens=most, do_sample=False)
        new = [
            len(one) - len(_beginning(case, prompt)) for prompt, of in zip(prompts, answers, strict=True) for one in of
        ]
        require(max(new) <= most, f"max_new_tokens={most} was set, and {max(new)} came.")
        require(max(new) > 0, f"max_new_tokens={most} was set, and nothing was generated for {len(prompts)} prompts.")


@check(SequenceModel, "a setting of generation that it does not know is refused")
def _unknown_setting(case: Case) -> None:
    name = "no_such_setting"
    try:
        case.generated(_prompts(case)[:1], seed=1, max_new_tokens=1, **{name: 1})
    except UsageError:
        return
    raise ConformanceError(
        f"generate(settings={{{name!r}: 1}}) was answered as if nothing had been set. Refuse what it does not know "
        "with a SettingsError, which Generation.of(settings, ...) of wherefrom.adapters.generation does."
    )


@check(SequenceModel, "sampled sequences are as many as asked for, drawn apart, and come again by their seed")
def _sampling(case: Case) -> None:
    prompts, copies = _prompts(case), 3
    settings = {"max_new_tokens": 6, "do_sample": True, "num_return_sequences": copies}

    def drawn(seed: int) -> list[list[tuple[int, ...]]]:
        answers = case.generated(prompts, seed=seed, **settings)
        return [[tuple(int(index) for index in one) for one in of] for of in answers]

    try:
        first, again, other = drawn(1), drawn(1), drawn(2)
    except UsageError:
        return  # a refusal is an answer
    counts = {len(answers) for answers in first}
    require(counts == {copies}, f"num_return_sequences={copies} was set, and {sorted(counts)} came.")
    require(first == again, f"The same seed drew {first}, and then {again}.")
    if not isinstance(case.model, PredictsSteps):
        return
    chances = [[_log_probability(case, prompt, one) for one in of] for prompt, of in zip(prompts, first, strict=True)]
    if sum(map(sum, chances)) < BY_CHANCE:
        require(first != other, f"Two seeds drew the same with do_sample=True: {first}.")
    if sum(sum(of[1:]) for of in chances) < BY_CHANCE:
        require(any(len(set(of)) > 1 for of in first), f"All sequences of a prompt are the same: {first}.")


BY_CHANCE = math.log(1e-9)
"""The log-probability below which what was drawn is not drawn again by chance."""


def _log_probability(case: Case, prompt: IntArray, answer: Sequence[int]) -> float:
    """That of an answer to a prompt."""
    ids, begin = np.array(answer), len(_beginning(case, prompt))
    if len(ids) == begin:
        return 0.0
    steps = np.arange(begin, len(ids))
    row = Row(target_ids=ids, steps=steps, source_ids=prompt if case.reads_source else None)
    log_probabilities = to_numpy(log_softmax(case.logits([row])[0].astype(np.float64)))
    return float(log_probabilities[np.arange(len(steps)), ids[steps]].sum())


# --- predictions --------------------------------------------------------------------------------------------


@check(PredictsSteps, "one answer per row, one line of logits per step")
def _shapes(case: Case) -> None:
    rows = case.rows()
    for logits, row in _paired(case.logits(iter(rows)), rows, "predict"):
        expected = (len(row.steps), case.model.card.vocabulary)
        require(logits.shape == expected, f"Logits have shape {logits.shape}, expected {expected}.")


@check(PredictsSteps, "a batch equals its single rows")
def _batch(case: Case) -> None:
    rows = case.rows()
    for together, row in _paired(case.logits(rows), rows, "predict"):
        case.close(together, case.logits([row])[0], "Logits of a row in a batch and alone")


@check(PredictsSteps, "chunks change nothing")
def _chunks(case: Case) -> None:
    rows = case.rows() * 2
    whole = case.logits(rows)
    for size in (1, 2, len(rows) + 3):
        for came, expected in _paired(case.logits(rows, chunk=size), whole, f"predict(chunk={size})"):
            case.close(came, expected, f"Logits with chunk={size}")


@check(PredictsSteps, "a step reads its own past only")
def _causal(case: Case) -> None:
    row = case.longest()
    whole = case.logits([row])[0]
    for index, step in enumerate(row.steps):
        cut = evolve(
            row, target_ids=row.target_ids[: step + 1], steps=row.steps[index : index + 1], target_function=None
        )
        case.close(case.logits([cut])[0][0], whole[index], f"Step {step} of a text that ends there")
        before = evolve(cut, target_ids=row.target_ids[:step])
        case.close(case.logits([before])[0][0], whole[index], f"Step {step} of a text that ends before it")
    other = row.target_ids.copy()
    last = int(row.steps[-1])
    other[last] = (other[last] + 1) % case.model.card.vocabulary
    case.close(case.logits([evolve(row, target_ids=other)])[0], whole, "Logits after the explained token was changed")


@check(PredictsSteps, "some steps are as they are among all")
def _some_steps(case: Case) -> None:
    row = case.longest()
    whole = case.logits([row])[0]
    chosen = np.arange(0, len(row.steps), 2)
    came = case.logits([row.select(chosen)])[0]
    case.close(came, whole[chosen], "Logits of selected steps")


def _changed(row: Row, position: int, vocabulary: int, by: int) -> Row:
    return evolve(row, target_ids=_other_at(row.target_ids, position, vocabulary, by))


def _other_at(ids: IntArray, position: int, vocabulary: int, by: int) -> IntArray:
    """A copy with another token at one position."""
    other = ids.copy()
    other[position] = (other[position] + by) % vocabulary
    return other


def _sharing(case: Case, changes: int) -> Iterator[list[Row]]:
    """Calls as perturbations make them: a text and the text with one token changed, which share what stands before it,
    and among them rows that do not say so: of another beginning, another source, another text.

    Args:
        changes: Rows with a token changed, at most.
    """
    row, size = case.late(), case.model.card.vocabulary
    require(size > 3, "A vocabulary of more than 3 is needed.")
    places = range(2, int(row.steps[-1]))
    changed = [evolve(_changed(row, place, size, by), first_change=place) for place in places for by in (1, 3)]
    changed = changed[-changes:]
    others = [_changed(row, 1, size, 2), *(one for one in case.rows() if len(one.target_ids) < len(row.target_ids))]
    if row.source_ids is not None:
        others.insert(0, evolve(row, source_ids=(row.source_ids + 1) % size))
    middle = len(changed) // 2
    call = [evolve(row, first_change=len(row.target_ids)), others[0], *changed[:middle], *others[1:], *changed[middle:]]
    yield call
    yield call[::-1]


@check(PredictsSteps, "reusing the common prefix equals a full pass")
def _prefix(case: Case) -> None:
    for shared in _sharing(case, changes=50):
        full = [case.logits([evolve(row, first_change=None)])[0] for row in shared]
        for came, expected in _paired(case.logits(shared), full, "predict with first_change"):
            case.close(came, expected, "Logits with a reused prefix")


@check(HidesPositions, "hidden tokens cannot be read")
def _hidden(case: Case) -> None:
    row = case.longest()
    size = case.model.card.vocabulary
    everything = evolve(row, target_visible=np.ones(len(row.target_ids), bool))
    case.close(case.logits([everything])[0], case.logits([row])[0], "Logits with every target position visible")
    place = 1
    visible = np.arange(len(row.target_ids)) != place
    readable = row.steps - 1 != place
    hidden = evolve(row, target_visible=visible)
    try:
        first, second = case.logits([hidden, evolve(_changed(row, place, size, 5), target_visible=visible)])
    except ModelCapabilityError:
        return  # a refusal is an answer
    case.close(
        first[readable],
        second[readable],
        f"Logits with target position {place} hidden (a model that does not obey Row.target_visible leaves "
        f"hides_positions out), and its token changed",
    )
    seen = case.logits([row])[0]
    require(
        not np.allclose(first, seen, rtol=0, atol=1e-7 * np.abs(seen).max()),
        "Hiding a target position did nothing.",
    )
    if row.source_ids is None:
        return
    source_visible = np.arange(len(row.source_ids)) != place
    other = row.source_ids.copy()
    other[place] = (other[place] + 5) % size
    first, second = case.logits(
        [
            evolve(row, source_visible=source_visible),
            evolve(row, source_visible=source_visible, source_ids=other),
        ]
    )
    case.close(first, second, f"Logits with source position {place} hidden, and its token changed")


@check(HidesPositions, "where all is hidden, nothing is read")
def _all_hidden(case: Case) -> None:
    row = case.longest()
    size = case.model.card.vocabulary
    first, last = int(row.steps[0]), int(row.steps[-1])
    hidden = evolve(row, target_visible=np.arange(len(row.target_ids)) >= first)
    others = [_changed(hidden, place, size, 5) for place in (*range(first - 1), *range(first, last))]
    try:
        here, *elsewhere = case.logits([hidden, *others])
    except ModelCapabilityError:
        return  # a refusal is an answer
    for one in elsewhere:
        case.close(one[0], here[0], f"Logits of step {first} with all before it hidden, and another token changed")


@check(PredictsSteps, "step scores are the target function of the logits")
def _step_scores(case: Case) -> None:
    target_functions = {}
    row = case.longest()
    for name in ("probability", "logit"):
        target_functions[name] = TargetFunction(
            function=STEP_FUNCTIONS.get(name)(), target_ids=row.target_ids[row.steps]
        )
    answer = _first(case.model.predict([evolve(row, scores=target_functions)]), "predict")
    require(
        set(answer.scores) == set(target_functions),
        f"Asked for {sorted(target_functions)}, got {sorted(answer.scores)}.",
    )
    for name, target_function in target_functions.items():
        case.close(answer.scores[name], target_function.step_values(answer.logits), f"Step score {name!r}")


# --- embeddings ---------------------------------------------------------------------------------------------


@check(Embeds, "embeddings are rows of the table")
def _table(case: Case) -> None:
    row = case.longest()
    sides = {"target": row.target_ids, "source": row.source_ids}
    for side in _sides(case):
        ids: IntArray = sides[side]  # type: ignore[assignment]  # a side that is asked about has ids
        table = to_numpy(case.model.embedding_table(side=side))
        expected = (case.model.card.vocabulary, case.model.card.width)
        require(
            table.shape == expected,
            f"The {side} embedding table has shape {table.shape}, expected {expected}.",
        )
        case.close(case.model.embed(ids, side=side), table[ids], f"Embeddings of the {side}")
        case.close(case.model.mean_embedding(side=side), table.mean(axis=0), f"The mean {side} embedding")
        stacked = case.model.embed(np.stack([ids, ids]), side=side)
        case.close(stacked, table[np.stack([ids, ids])], "Embeddings of ids of shape (2, T)")


@check(Embeds, "given embeddings do what their ids do")
def _embedded(case: Case) -> None:
    if not hasattr(case.model, "predict"):
        return
    for row in case.rows():
        expected = case.logits([row])[0]
        embedded = evolve(row, target_embeds=case.model.embed(row.target_ids, side="target"))
        case.close(case.logits([embedded])[0], expected, "Logits from target embeddings")
        if row.source_ids is not None:
            embedded = evolve(embedded, source_embeds=case.model.embed(row.source_ids, side="source"))
            case.close(case.logits([embedded])[0], expected, "Logits from source and target embeddings")


@check(ReadsPadding, "what is read as padding does more than its embedding")
def _padding(case: Case) -> None:
    pad, row = case.model.card.pad_id, case.longest()
    for side in _sides(case):
        if pad is None or not case.model.reads_as_padding(pad, side=side):
            continue
        ids: IntArray = (row.source_ids if side == "source" else row.target_ids).copy()  # type: ignore[union-attr]
        ids[1] = pad
        given = case.model.embed(ids, side=side)
        if side == "source":
            rows = [evolve(row, source_ids=ids), evolve(row, source_embeds=given)]
        else:
            rows = [evolve(row, target_ids=ids), evolve(row, target_embeds=given)]
        first, second = case.logits(rows)
        require(
            not np.allclose(first, second, rtol=0, atol=1e-7 * np.abs(second).max()),
            f"reads_as_padding({pad}, side={side!r}) is True, but the id does what its embedding does.",
        )


# --- gradients ----------------------------------------------------------------------------------------------


def _gradients(case: Case, rows: Iterable[Row], **settings: Any) -> list[Any]:
    asked = list(rows)
    answers = list(case.model.gradients(iter(asked), **settings))
    require_answers(answers, asked, "gradients")
    return answers


def _same_gradients(case: Case, came: Any, expected: Any, what: str) -> None:
    case.close(came.values, expected.values, f"Values {what}")
    case.close(came.target, expected.target, f"Target gradients {what}")
    require(
        (came.source is None) == (expected.source is None),
        f"Source gradients {what}: given in one case only.",
    )
    if expected.source is not None:
        case.close(came.source, expected.source, f"Source gradients {what}")


@check(GivesGradients, "shapes, and values that are the target function's")
def _gradient_shapes(case: Case) -> None:
    rows = case.rows()
    for answer, row in _paired(_gradients(case, iter(rows)), rows, "gradients"):
        width = case.model.card.width
        expected = (len(row.steps), len(row.target_ids), width)
        require(
            tuple(answer.target.shape) == expected,
            f"Target gradients {answer.target.shape}, expected {expected}.",
        )
        if row.source_ids is None:
            require(answer.source is None, "A decoder-only model has no source gradients.")
        else:
            expected = (len(row.steps), len(row.source_ids), width)
            require(
                tuple(answer.source.shape) == expected,
                f"Source gradients {answer.source.shape}, not {expected}.",
            )
        logits = _first(case.model.predict([row]), "predict").logits
        assert row.target_function is not None
        case.close(answer.values, row.target_function.values(logits), "Values of the target function")


@check(GivesGradients, "gradients are the limit of finite differences")
def _finite_differences(case: Case) -> None:
    rng = np.random.default_rng(0)
    for function in ("logit", "probability"):
        row = case.longest(function)
        answer = _gradients(case, [row])[0]
        for side in _sides(case):
            ids = row.target_ids if side == "target" else row.source_ids
            at = case.model.embed(ids, side=side)
            size = case.tolerance.step * float(np.sqrt(np.mean(to_numpy(at) ** 2)))
            direction = rng.normal(size=tuple(at.shape))
            move = like(at, direction * size, dtype=at.dtype)
            name = f"{side}_embeds"
            ends = [evolve(row, **{name: at + move}), evolve(row, **{name: at - move})]
            assert row.target_function is not None
            up, down = (to_numpy(row.target_function.values(logits)) for logits in case.logits(ends))
            slope = to_numpy(answer.target if side == "target" else answer.source)
            expected = np.einsum("ktd,td->k", slope.astype(np.float64), direction)
            difference = (up.astype(np.float64) - down) / (2 * size)
            require_close(
                difference,
                expected,
                case.tolerance.difference,
                f"Slope of {function} along a {side} direction",
            )


@check(GivesGradients, "nothing flows from what a step cannot see")
def _invisible(case: Case) -> None:
    row = case.longest()
    gradient = to_numpy(_gradients(case, [row])[0].target)
    for index, step in enumerate(row.steps):
        late = np.abs(gradient[index, step:]).max()
        require(
            late == 0,
            f"Step {step} has gradients up to {late:.3g} at positions {step} and later; expected 0.",
        )


@check(GivesGradients, "a batch equals its single rows, in any chunks")
def _gradient_batch(case: Case) -> None:
    rows = case.rows()
    alone = [_gradients(case, [row])[0] for row in rows]
    for size in (None, 1, 2):
        for came, expected in _paired(_gradients(case, rows, chunk=size), alone, f"gradients(chunk={size})"):
            _same_gradients(case, came, expected, f"with chunk={size}")


@check(GivesGradients, "groups of steps are sums of steps")
def _groups(case: Case) -> None:
    row = case.longest()
    assert isinstance(row.target_function, TargetFunction)
    groups = np.minimum(np.arange(len(row.steps)) // 2, 1)
    grouped = evolve(row, target_function=evolve(row.target_function, groups=groups))
    each, summed = _gradients(case, [row, grouped])
    membership = (groups[None, :] == np.arange(groups.max() + 1)[:, None]).astype(np.float64)
    case.close(summed.values, membership @ to_numpy(each.values), "Values of groups")
    for came, expected in ((summed.target, each.target), (summed.source, each.source)):
        if expected is not None:
            case.close(came, np.einsum("kg,gtd->ktd", membership, to_numpy(expected)), "Gradients of groups")


@check(GivesGradients, "some outputs are as they are among all")
def _some_outputs(case: Case) -> None:
    row = case.longest()
    chosen = np.arange(0, len(row.steps), 2)
    all_of_them, some = _gradients(case, [row, row.select(chosen)])
    case.close(some.values, to_numpy(all_of_them.values)[chosen], "Values of selected outputs")
    case.close(some.target, to_numpy(all_of_them.target)[chosen], "Gradients of selected outputs")


@check(GivesGradients, "a side that is not wanted is left out")
def _one_side(case: Case) -> None:
    if not case.reads_source:
        return
    row = case.longest()
    both = _gradients(case, [row])[0]
    only_source = _gradients(case, [row], target=False)[0]
    only_target = _gradients(case, [row], source=False)[0]
    require(only_source.target is None, "target=False still gives target gradients.")
    require(only_target.source is None, "source=False still gives source gradients.")
    case.close(only_source.source, both.source, "Source gradients alone")
    case.close(only_target.target, both.target, "Target gradients alone")


@check(GivesGradients, "reusing the common prefix equals a full pass")
def _gradient_prefix(case: Case) -> None:
    for shared in _sharing(case, changes=4):
        full = [_gradients(case, [evolve(row, first_change=None)])[0] for row in shared]
        pairs = _paired(_gradients(case, shared), full, "gradients with first_change")
        for row, (came, expected) in zip(shared, pairs, strict=True):
            place = row.first_change or 0  # what stands before it may have been left out of the graph
            kept, whole = (evolve(answer, target=answer.target[:, place:]) for answer in (came, expected))
            _same_gradients(case, kept, whole, "with a reused prefix")


@check(GivesGradients, "step scores come from the same pass")
def _gradient_scores(case: Case) -> None:
    row = case.longest()
    target_function = TargetFunction(function=STEP_FUNCTIONS.get("logit")(), target_ids=row.target_ids[row.steps])
    answer = _gradients(case, [evolve(row, scores={"logit": target_function})])[0]
    logits = _first(case.model.predict([row]), "predict").logits
    require("logit" in answer.scores, "The step score 'logit' was asked for and did not come.")
    case.close(answer.scores["logit"], target_function.step_values(logits), "Step score 'logit'")


# --- layers -------------------------------------------------------------------------------------------------


def _layer(case: Case, row: Row, **settings: Any) -> Any:
    return _first(case.model.layer_gradients([row], layer=Depth(share=0.5), **settings), "layer_gradients")


def _layer_sides(answer: Any) -> Iterator[Side]:
    for side in ("source", "target"):
        if getattr(answer.states, side) is not None:
            yield side


@check(GivesLayers, "a layer that is made to answer what it answers changes nothing")
def _layer_states(case: Case) -> None:
    rows = case.rows()
    states = list(case.model.layer_states(iter(rows), layer=Depth(share=0.5)))
    require_answers(states, rows, "layer_states")
    for row, answered in zip(rows, states, strict=True):
        own, put_back = _layer(case, row), _layer(case, row, states=iter([answered]))
        logits = _first(case.model.predict([row]), "predict").logits
        assert row.target_function is not None
        case.close(own.values, row.target_function.values(logits), "Values while a layer is looked into")
        case.close(put_back.values, own.values, "Values after a layer's own answer was put in its place")
        for side in _layer_sides(own):
            case.close(getattr(own.states, side), getattr(answered, side), f"What the layer answers of the {side}")
            slope = getattr(own, side)
            expected = (len(row.steps), *getattr(answered, side).shape)
            require(tuple(slope.shape) == expected, f"Layer gradients of the {side} {slope.shape}, not {expected}.")
            case.close(getattr(put_back, side), slope, f"Gradients of the {side} after the answer was put back")


@check(GivesLayers, "gradients of a layer are the limit of finite differences")
def _layer_differences(case: Case) -> None:
    rng = np.random.default_rng(0)
    row = case.longest("logit")
    answer = _layer(case, row)
    for side in _layer_sides(answer):
        at = getattr(answer.states, side)
        size = case.tolerance.step * float(np.sqrt(np.mean(to_numpy(at) ** 2)))
        direction = rng.normal(size=tuple(at.shape))
        move = like(at, direction * size, dtype=at.dtype)
        ends = [evolve(answer.states, **{side: at + move}), evolve(answer.states, **{side: at - move})]
        up, down = (to_numpy(_layer(case, row, states=iter([end])).values).astype(np.float64) for end in ends)
        expected = np.einsum("ktd,td->k", to_numpy(getattr(answer, side)).astype(np.float64), direction)
        difference = (up - down) / (2 * size)
        require_close(difference, expected, case.tolerance.difference, f"Slope along the layer's answer of the {side}")


# --- weights ------------------------------------------------------------------------------------------------


@check(RandomisesWeights, "shuffled weights say something else, and afterwards the model is what it was")
def _randomised(case: Case) -> None:
    row = case.longest()
    before = case.logits([row])[0]
    for share in (0.2, 1.0):
        again = []
        for _ in range(2):
            with case.model.randomised(share, seed=1) as other:
                again.append(to_numpy(_first(other.predict([row]), "predict").logits))
        case.close(again[1], again[0], "Logits of weights shuffled by the same seed")
        change = np.abs(again[0] - before).max()
        require(bool(change > case.tolerance.equal * np.abs(before).max()), f"Shuffling {share:.0%} changes nothing.")
    case.close(case.logits([row])[0], before, "Logits after the weights were shuffled and put back")


@check(GivesFingerprint, "a fingerprint stays, and is another one while weights are shuffled")
def _fingerprint(case: Case) -> None:
    fingerprint = case.model.fingerprint
    before = fingerprint()
    case.logits([case.longest()])
    require(fingerprint() == before, "Two fingerprints of one model differ.")
    if isinstance(case.model, RandomisesWeights) and before is not None:
        with case.model.randomised(0.2, seed=1) as other:
            require(other.fingerprint() != before, "Shuffled weights have the fingerprint of what they were.")
        require(fingerprint() == before, "Weights were put back, and the fingerprint is another one.")


@check(FindsBadWeights, "weights that are numbers are not bad")
def _bad_weights(case: Case) -> None:
    found = case.model.bad_weights()
    require(found == (), f"The model predicts finite numbers, and these weights are said to be bad: {found}.")


# --- multipliers -------------------------------------------------------------------------------


def _next_words(case: Case, row: Row, far: float) -> Row:
    """The row with every embedding moved towards another word's, ``far`` of the way."""
    changes: dict[str, Any] = {}
    for side in _sides(case):
        ids: IntArray = row.target_ids if side == "target" else row.source_ids  # type: ignore[assignment]
        here = case.model.embed(ids, side=side)
        there = case.model.embed((ids + 3) % case.model.card.vocabulary, side=side)
        changes[f"{side}_embeds"] = here + far * (there - here)
    return evolve(row, **changes)


@check(GivesRescale, "multipliers explain the change from the baseline")
def _rescale_complete(case: Case) -> None:
    for function in ("logit", "probability"):
        rows = case.rows(function)
        baselines = [_next_words(case, row, 1.0) for row in rows]
        answers = case.model.rescaled_gradients(iter(rows), iter(baselines))
        for answer, row, baseline in zip(answers, rows, baselines, strict=True):
            assert row.target_function is not None
            real, base = (to_numpy(row.target_function.values(one)) for one in case.logits([row, baseline]))
            case.close(answer.values, real, f"Values of {function}")
            case.close(answer.baseline_values, base, f"Values of {function} at the baseline")
            total = np.zeros(len(real))
            shared = np.abs(real) + np.abs(base)
            for side in _sides(case):
                share = to_numpy(getattr(answer, side)) * to_numpy(getattr(answer, f"{side}_change"))
                total = total + share.sum((1, 2))
                shared = shared + np.abs(share).sum((1, 2))
            missed = np.abs(total - (real - base))
            require(
                bool((missed <= case.tolerance.equal * shared).all()),
                f"Shares of {function} miss its change by {missed.max():.3g}; the shares sum to {shared.max():.3g}.",
            )


@check(GivesRescale, "next to the baseline, multipliers are derivatives")
def _rescale_tangent(case: Case) -> None:
    row = case.longest("logit")
    answer = _first(case.model.rescaled_gradients([row], [_next_words(case, row, 1e-4)]), "rescaled_gradients")
    expected = _first(case.model.gradients([row]), "gradients")
    for side in _sides(case):
        length = to_numpy(getattr(answer, side)).shape[1]
        gradients = to_numpy(getattr(expected, side))[:, :length]
        require_close(getattr(answer, side), gradients, case.tolerance.difference, f"Multipliers of the {side}")


# --- rules of the way back -----------------------------------------------------------------------------------


@check(FollowsGradientRules, "without a rule the answer is the gradient, and with rules the values stay")
def _ruled_gradients(case: Case) -> None:
    row = case.longest("logit")
    expected = _first(case.model.gradients([row]), "gradients")
    plain = _first(case.model.ruled_gradients([row], rules=GradientRules()), "ruled_gradients")
    held = _first(case.model.ruled_gradients([row], rules=GradientRules(hold_weights=True)), "ruled_gradients")
    for side in _sides(case):
        came = to_numpy(getattr(plain, side))
        gradients = to_numpy(getattr(expected, side))[:, : came.shape[1]]
        case.close(came, gradients, f"Gradients of the {side} without a rule")
        changed = np.abs(to_numpy(getattr(held, side)) - came).max()
        require(bool(changed > 0), f"Holding the attention weights changes nothing for the {side}.")
    case.close(held.values, expected.values, "Values under a rule")


@check(RollsAttentionGradients, "rollouts are not negative and look at nothing ahead; a batch equals its single rows")
def _attention_gradient_rollouts(case: Case) -> None:
    rows = case.rows("logit")
    for answer, row in _paired(case.model.attention_gradient_rollouts(rows), rows, "attention_gradient_rollouts"):
        alone = _first(case.model.attention_gradient_rollouts([row]), "attention_gradient_rollouts")
        for side in _sides(case):
            case.close(getattr(answer, side), getattr(alone, side), f"Rollout of the {side} in a batch and alone")
            require(bool((to_numpy(getattr(answer, side)) >= 0).all()), f"The rollout of the {side} is negative.")
        target = to_numpy(answer.target)
        ahead = np.arange(target.shape[1])[None, :] >= row.steps[:, None]
        require(bool((target[ahead] == 0).all()), "A step's rollout reaches positions that it cannot see.")


# --- attention ----------------------------------------------------------------------------------------------


@check(GivesAttention, "weights of every query sum to one, and none look ahead")
def _attention(case: Case) -> None:
    rows = case.rows()
    for answer, row in _paired(case.model.attentions(rows), rows, "attentions"):
        maps = {"decoder": answer.decoder, "encoder": answer.encoder, "cross": answer.cross}
        for name, weights in maps.items():
            if name != "decoder" and not case.reads_source:
                require(weights is None, f"A decoder-only model has no {name} attention.")
                continue
            weights = to_numpy(weights)
            queries, keys = weights.shape[2:]
            length = int(row.steps.max())
            sizes = {"decoder": (length, length), "encoder": (0, 0), "cross": (length, 0)}[name]
            if row.source_ids is not None:
                read = len(row.source_ids)
                sizes = {"decoder": (length, length), "encoder": (read, read), "cross": (length, read)}[name]
            require((queries, keys) == sizes, f"{name} attention covers {(queries, keys)}, expected {sizes}.")
            heads = (case.model.card.layers, case.model.card.heads)
            require(
                weights.shape[:2] == heads,
                f"{name} attention has {weights.shape[:2]} (layers, heads), not {heads}.",
            )
            case.close(weights.sum(-1), np.ones(weights.shape[:3]), f"Sums of {name} attention")
            if name == "decoder":
                ahead = np.abs(np.triu(weights, 1)).max()
                require(ahead == 0, f"Decoder attention looks ahead: {ahead:.3g}.")


@check(GivesAttention, "the first layer attends by the tokens, and weighs those alike that stay")
def _first_attention(case: Case) -> None:
    row, size = case.longest(), case.model.card.vocabulary
    whole = _first(case.model.attentions([row]), "attentions")
    if whole.unseen:  # what mixes positions before the first attention is not known
        return
    places = {"decoder": int(row.steps[-1]) // 2}
    other = _changed(row, places["decoder"], size, 1)
    if row.source_ids is not None:
        places["encoder"] = len(row.source_ids) // 2
        other = evolve(other, source_ids=_other_at(row.source_ids, places["encoder"], size, 1))
    changed = _first(case.model.attentions([other]), "attentions")
    for name, place in places.items():
        before, after = (to_numpy(getattr(answer, name))[0].astype(np.float64) for answer in (whole, changed))
        gap = np.abs(before - after).max()
        require(bool(gap > 1e-6), f"The first layer's {name} attention is the same whatever token {place} is.")
        kept = np.arange(before.shape[1]) != place
        before, after = before[:, kept][:, :, kept], after[:, kept][:, :, kept]
        seen = (before > 0) & (after > 0)  # sparse attention may take another key instead
        before, after = before * seen, after * seen
        looked_at = (before.sum(-1) > 0.1) & (after.sum(-1) > 0.1)
        before, after = (one[looked_at] / one[looked_at].sum(-1, keepdims=True) for one in (before, after))
        case.close(
            after, before, f"Shares of the other tokens in the first layer's {name} attention when {place} changed"
        )


@check(GivesAttention, "what is asked for in part is that part of the whole")
def _attention_parts(case: Case) -> None:
    row = case.longest()
    whole = _first(case.model.attentions([row]), "attentions")
    part = _first(case.model.attentions([row], queries="steps"), "attentions")
    mean = _first(case.model.attentions([row], heads="mean"), "attentions")
    for name in ("decoder", "cross", "encoder"):
        weights = getattr(whole, name)
        if weights is None:
            continue
        full = to_numpy(weights)
        steps = full if name == "encoder" else full[:, :, row.steps - 1]
        case.close(getattr(part, name), steps, f"{name} attention of the steps' queries")
        case.close(getattr(mean, name), full.mean(1, keepdims=True), f"Mean over heads of {name} attention")


@check(GivesAttention, "a hidden token gets no attention")
def _hidden_attention(case: Case) -> None:
    row = case.longest()
    visible = np.arange(len(row.target_ids)) != 1
    weights = to_numpy(_first(case.model.attentions([evolve(row, target_visible=visible)]), "attentions").decoder)
    read = weights[:, :, 2:, 1]
    require(
        float(np.abs(read).max()) < 1e-12,
        f"Hidden position 1 is attended to with weight {np.abs(read).max():.3g}.",
    )


@check(GivesAttention, "a batch equals its single rows")
def _attention_batch(case: Case) -> None:
    rows = case.rows()
    for together, row in _paired(case.model.attentions(rows), rows, "attentions"):
        alone = _first(case.model.attentions([row]), "attentions")
        case.close(together.decoder, alone.decoder, "Decoder attention in a batch and alone")
        if case.reads_source:
            case.close(together.cross, alone.cross, "Cross-attention in a batch and alone")
            case.close(together.encoder, alone.encoder, "Encoder attention in a batch and alone")
