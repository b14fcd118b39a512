"""The reference model keeps every promise, and the kit notices when one is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import pytest
from attrs import define, evolve
from wherefrom.adapters import GivesAttention, GivesGradients, PredictsSteps, SequenceModel, catalogue
from wherefrom.adapters.views import with_methods
from wherefrom.errors import InputError, SettingsError
from wherefrom.testing import (
    Check,
    ConformanceError,
    ReferenceModel,
    check_adapter,
    checks_for,
    linear_model,
    only,
    shift_copy_model,
)
from wherefrom.testing.conformance import CHECKS

MODELS = {
    "reference": ReferenceModel(),
    "reference-seq2seq": ReferenceModel("encoder-decoder"),
    "linear": linear_model(),
    "linear-seq2seq": linear_model("encoder-decoder"),
}
CASES = [
    pytest.param(model, check, id=f"{name}-{check}") for name, model in MODELS.items() for check in checks_for(model)
]


@pytest.mark.parametrize("model, check", CASES)
def test_promise(model: Any, check: Check) -> None:
    check(model)


def test_every_capability_is_checked() -> None:
    assert {one.needs for one in checks_for(MODELS["reference"])} >= {
        SequenceModel,
        PredictsSteps,
        GivesGradients,
        GivesAttention,
    }


def test_every_capability_that_an_adapter_tells_has_a_check() -> None:
    told = {name for names in catalogue.capabilities().values() for name in names}
    assert told
    assert told <= {one.needs.__name__ for one in CHECKS}


def test_a_model_that_only_predicts_is_checked_for_that() -> None:
    names = check_adapter(only(MODELS["reference"], SequenceModel, PredictsSteps))
    assert names
    assert not [name for name in names if name.startswith("Gives")]


def _upside_down(answers: list[Any]) -> list[Any]:
    return [evolve(one, decoder=one.decoder[::-1]) for one in answers]


def _even(answers: list[Any]) -> list[Any]:
    """Attention that is the same for all that a query can see, in whichever part it was asked for."""
    return [
        evolve(one, decoder=(one.decoder > 0) / np.maximum((one.decoder > 0).sum(-1, keepdims=True), 1))
        for one in answers
    ]


def _with(name: str, spoil: Callable[[Any], Any], kind: Any = "decoder-only") -> Any:
    """The reference model with the answers of one method spoilt."""
    model = ReferenceModel(kind)

    def method(_: str) -> Callable[..., Any]:
        def run(self: Any, rows: Any, **settings: Any) -> Any:
            return spoil(list(getattr(model, name)(rows, **settings)))

        return run

    members = with_methods(model, None)
    setattr(type(members), name, method(name))
    return members


BROKEN = {
    "logits of another step": (
        "predict",
        lambda out: [evolve(a, logits=np.roll(a.logits, 1, 0)) for a in out],
    ),
    "an unknown word that is no text": ("tokens", lambda out: [msgspec.structs.replace(a, special=True) for a in out]),
    "answers out of order": ("predict", lambda out: out[::-1]),
    "an answer too few": ("predict", lambda out: out[:-1]),
    "padding leaks": (
        "predict",
        lambda out: [evolve(a, logits=a.logits * (1 + 1e-6 * len(out))) for a in out],
    ),
    "scores of something else": (
        "predict",
        lambda out: [evolve(a, scores={k: 2 * v for k, v in a.scores.items()}) for a in out],
    ),
    "gradients of the wrong scale": (
        "gradients",
        lambda out: [evolve(a, target=a.target * 1.001) for a in out],
    ),
    "gradients that look ahead": ("gradients", lambda out: [evolve(a, target=a.target + 1e-3) for a in out]),
    "values that are not the target function's": (
        "gradients",
        lambda out: [evolve(a, values=a.values + 0.1) for a in out],
    ),
    "attention that does not sum to one": (
        "attentions",
        lambda out: [evolve(a, decoder=a.decoder * 0.9) for a in out],
    ),
    "attention that is even": ("attentions", _even),
    "layers of attention upside down": ("attentions", _upside_down),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_noticed(name: str) -> None:
    with pytest.raises(ConformanceError):
        check_adapter(_with(*BROKEN[name]))


Tokens = Callable[[Any], Any]


def _spelling(kind: Any, side: str, change: Tokens) -> Any:
    """The reference model, whose tokens of one side are others."""
    model = ReferenceModel(kind)
    spoilt = with_methods(model, None)

    def encode(self: Any, text: Any, *, side: str, **settings: Any) -> Any:
        encoding = model.encode(text, side=side, **settings)
        placed = [token if token.start is None else change(token) for token in encoding.tokens]
        return evolve(encoding, tokens=tuple(placed)) if side == wrong else encoding

    wrong = side
    type(spoilt).encode = encode
    return spoilt


@pytest.mark.parametrize("kind, side", [("decoder-only", "target"), ("encoder-decoder", "source")])
@pytest.mark.parametrize(
    "change, match",
    [
        (lambda one: msgspec.structs.replace(one, start=one.start + 1, end=one.end + 1), "points at 'he '"),
        (lambda one: msgspec.structs.replace(one, word=0), "is of several words of the text"),
        (lambda one: msgspec.structs.replace(one, word=one.position), "is one word, and has the numbers"),
    ],
    ids=["spans", "one word for all", "a word for each"],
)
def test_tokens_that_do_not_fit_their_text_are_noticed(kind: Any, side: str, change: Tokens, match: str) -> None:
    with pytest.raises(ConformanceError, match=match):
        check_adapter(_spelling(kind, side, change), (("the cats", "sees on the mats"), ("a dogs", "slept")))


def _generating(change: Callable[..., Any]) -> Any:
    model = ReferenceModel()
    spoilt = with_methods(model, None)

    def generate(self: Any, prompts: Any, *, settings: Any, seed: Any = None, **more: Any) -> Any:
        return change(model.generate, prompts, settings, seed)

    type(spoilt).generate = generate
    return spoilt


def _refusing(generate: Any, prompts: Any, settings: Any, seed: Any) -> Any:
    if settings.get("do_sample"):
        raise SettingsError("It draws nothing.")
    return generate(prompts, settings=settings, seed=seed)


@pytest.mark.parametrize(
    "change, match",
    [
        (lambda generate, prompts, settings, seed: [[prompt] for prompt in prompts], "nothing was generated"),
        (
            lambda generate, prompts, settings, seed: generate(prompts, settings=settings | {"max_new_tokens": 4}),
            "max_new_tokens=1 was set, and 4 came",
        ),
        (
            lambda generate, prompts, settings, seed: generate(prompts, settings=settings | {"do_sample": False}),
            "Two seeds drew the same",
        ),
        (
            lambda generate, prompts, settings, seed: generate(
                prompts, settings=settings | {"num_return_sequences": 1}, seed=seed
            ),
            "num_return_sequences=3 was set",
        ),
        (
            lambda generate, prompts, settings, seed: [
                of[:1] * len(of) for of in generate(prompts, settings=settings, seed=seed)
            ],
            "All sequences of a prompt are the same",
        ),
        (lambda generate, prompts, settings, seed: generate(prompts, settings=settings), "The same seed drew"),
    ],
    ids=["nothing", "as many as it likes", "the likely ones", "one of several", "copies", "without a seed"],
)
def test_generation_that_ignores_what_was_asked_for_is_noticed(change: Any, match: str) -> None:
    with pytest.raises(ConformanceError, match=match):
        check_adapter(_generating(change))


def _of(method: str, change: Any) -> Any:
    """The reference model with another method in the place of one."""
    spoilt = with_methods(ReferenceModel(), None)
    setattr(type(spoilt), method, staticmethod(change))
    return spoilt


def _bare_arrays(rows: Any, *, chunk: Any = None) -> Any:
    return [answer.logits for answer in ReferenceModel().predict(rows)]


def _one_list(prompts: Any, *, decoder_prefixes: Any = None, settings: Any, seed: Any = None) -> Any:
    known = {name: value for name, value in settings.items() if name != "do_sample"}
    return [one for of in ReferenceModel().generate(prompts, settings=known, seed=seed) for one in of]


def _careless(prompts: Any, *, decoder_prefixes: Any = None, settings: Any, seed: Any = None) -> Any:
    known = {name: value for name, value in settings.items() if name != "no_such_setting"}
    return ReferenceModel().generate(prompts, settings=known, seed=seed)


def _texts_alone(text: Any, **given: Any) -> Any:
    return ReferenceModel().encode(text.strip(), **given)


@pytest.mark.parametrize(
    "method, change, match",
    [
        ("predict", _bare_arrays, r"predict answered with a ndarray: expected RowPrediction\(logits"),
        ("generate", _one_list, "generate must answer each prompt with a list of sequences, each an array of ids"),
        ("generate", _careless, "'no_such_setting': 1.* was answered as if nothing had been set"),
        ("encode", _texts_alone, "A chat ended in AttributeError: 'list' object has no attribute 'strip'"),
        ("decode", lambda ids, **_: 1 / 0, "decoding undoes encoding: It ended in ZeroDivisionError: division by zero"),
        ("decode", lambda ids, **_: "?", "give texts that it can: check_adapter"),
    ],
    ids=["arrays", "one list", "any setting", "no chat", "an error", "a vocabulary of its own"],
)
def test_a_usual_mistake_is_told_in_words(method: str, change: Any, match: str) -> None:
    with pytest.raises(ConformanceError, match=rf"(?s)\d+ of \d+ checks failed.*{match}"):
        check_adapter(_of(method, change))


@pytest.mark.parametrize("texts", [["the cat sat"], [("a", "b", "c")], [("a", 1)], []])
def test_texts_are_pairs(texts: Any) -> None:
    with pytest.raises(InputError, match="must be pairs of texts"):
        check_adapter(ReferenceModel(), texts)


def test_a_model_that_refuses_to_draw_keeps_its_promises() -> None:
    assert check_adapter(_generating(_refusing))


@pytest.mark.parametrize("kind", ["decoder-only", "encoder-decoder"])
@pytest.mark.parametrize("method", ["predict", "gradients"])
@pytest.mark.parametrize("lends", ["the row before", "the last row that does not share"])
def test_a_prefix_of_another_row_is_noticed(kind: Any, method: str, lends: str) -> None:
    model = ReferenceModel(kind)
    spoilt = with_methods(model, None)

    def run(self: Any, rows: Any, **settings: Any) -> Any:
        """Lends the positions that a row shares, those of what reads the source too, and does not compare them."""
        kept = None
        for row in rows:
            lent = row
            if row.first_change is not None and kept is not None:
                end = min(row.first_change, len(kept.target_ids), int(row.steps[0]) - 1)
                ids = np.concatenate([kept.target_ids[:end], row.target_ids[end:]])
                lent = evolve(row, target_ids=ids, source_ids=kept.source_ids)
            if kept is None or row.first_change is None or lends == "the row before":
                kept = row
            yield from getattr(model, method)([lent], **settings)

    setattr(type(spoilt), method, run)
    with pytest.raises(ConformanceError, match="with a reused prefix"):
        check_adapter(spoilt)


def test_what_is_read_where_all_is_hidden_is_noticed() -> None:
    model = ReferenceModel()
    spoilt = with_methods(model, None)

    def predict(self: Any, rows: Any, **settings: Any) -> Any:
        """A query that sees nothing takes the mean of all embeddings."""
        for row in rows:
            (answer,) = model.predict([row], **settings)
            empty = row.target_visible is not None and ~row.target_visible.cumsum().astype(bool)[row.steps - 1]
            mean = model.table[row.target_ids].mean()
            yield evolve(answer, logits=answer.logits + mean * np.reshape(empty, (-1, 1)))

    type(spoilt).predict = predict
    with pytest.raises(ConformanceError, match=r"(?s)1 of .*where all is hidden, nothing is read"):
        check_adapter(spoilt)


def test_weights_that_stay_shuffled_are_noticed() -> None:
    model = ReferenceModel()
    spoilt = with_methods(model, None)

    @contextmanager
    def randomised(self: Any, share: float, *, seed: int) -> Iterator[Any]:
        with model.randomised(share, seed=seed) as other:
            type(spoilt).predict = staticmethod(other.predict)
            yield other

    type(spoilt).randomised = randomised
    with pytest.raises(ConformanceError, match="Logits after the weights were shuffled and put back"):
        check_adapter(spoilt)


@define
class _Rehearsal:
    """Counts what it is asked, each time anew."""

    model: Any
    requests: int = 0
    request_tokens: int = 0

    def predict(self, rows: Any, *, chunk: Any = None) -> Iterator[Any]:
        for answer in self.model.predict(rows):
            self.requests += 1
            yield evolve(answer, logits=np.zeros_like(answer.logits))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


def _beside(**members: Any) -> Any:
    """The reference model with more than it has; what the members change is what `predict` adds."""
    model = ReferenceModel()
    made = with_methods(model, None)
    added = [0.0]

    def predict(self: Any, rows: Any, **settings: Any) -> Any:
        return (evolve(one, logits=one.logits + added[0] * one.logits**2) for one in model.predict(rows, **settings))

    type(made).predict = predict
    for name, member in members.items():
        setattr(type(made), name, member(model, added))
    return made


def _left_changed(model: Any, added: list[float]) -> Any:
    @contextmanager
    def reserved(self: Any) -> Iterator[None]:
        yield
        added[0] = 0.1

    return reserved


def _moving(model: Any, added: list[float]) -> Any:
    def to(self: Any, device: str) -> None:
        added[0] = 0.1

    return to


@pytest.mark.parametrize(
    "members, match",
    [
        ({"reserved": _left_changed}, "Logits of the reserved model after a block within"),
        ({"to": _moving}, "Logits after the model was moved"),
        ({"rehearsal": lambda model, _: lambda self: _Rehearsal(model)}, "The same rows took"),
        ({"module": lambda *_: None, "tokenizer": lambda *_: None}, "module is None"),
        ({"outputs_at_once": lambda *_: lambda self, row, *, copies: 0}, "outputs_at_once gives 0"),
    ],
    ids=["reserved", "moved", "rehearsed", "nothing wrapped", "no output at once"],
)
def test_what_is_promised_beside_predictions_is_checked(members: Any, match: str) -> None:
    with pytest.raises(ConformanceError, match=match):
        check_adapter(_beside(**members))


def _turned_around(answers: list[Any]) -> list[Any]:
    return [one if one.source is None else evolve(one, source=-one.source) for one in answers]


def test_source_gradients_of_the_wrong_sign_are_noticed() -> None:
    with pytest.raises(ConformanceError, match="source direction"):
        check_adapter(_with("gradients", _turned_around, "encoder-decoder"))


@pytest.mark.parametrize("kind", ["decoder-only", "encoder-decoder"])
def test_the_copying_model_copies(kind: Any) -> None:
    model = shift_copy_model(kind, shift=2)
    side = "source" if kind == "encoder-decoder" else "target"
    prompt = model.encode("the cat sat on the mat", side=side)
    answer = model.generate([prompt.ids], settings={"max_new_tokens": 3})[0][0]
    if kind == "decoder-only":
        assert list(answer[-3:]) == [*prompt.ids[-2:], prompt.ids[-2]]
    else:
        assert list(answer[2:4]) == list(prompt.ids[:2])
