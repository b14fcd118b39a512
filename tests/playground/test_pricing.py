"""A question is priced before it is asked, counted while it is answered, and can be cancelled between two passes."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import wherefrom
from attrs import evolve, frozen
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError
from wherefrom.methods import METHODS, Saliency
from wherefrom.progress import no_progress
from wherefrom.questions.question import Question

from tests.needed import needed

needed("gradio", "extras")
from wherefrom_playground import Limits, choices, pricing  # noqa: E402
from wherefrom_playground.asking import (  # noqa: E402
    Asked,
    Generation,
    Measured,
    evaluated,
    explained,
    explained_by_all,
    explained_context,
)
from wherefrom_playground.jobs import Desk, Failed, StoppedError  # noqa: E402
from wherefrom_playground.pricing import (  # noqa: E402
    check_context_passes,
    check_evaluation_passes,
    check_passes,
)
from wherefrom_playground.watching import watched  # noqa: E402

TEXT = "George was sick yesterday. His colleagues asked him to come"
LONG = " ".join(["George was sick yesterday."] * 16)


@pytest.fixture(scope="module")
def model() -> AttributionModel:
    return wherefrom.load_model("demo:lm")


@pytest.mark.parametrize(
    "method, settings, lower",
    [
        ("sequential_integrated_gradients", {"n_steps": 512}, r"n_steps \(now 512\)"),
        ("smoothgrad", {"of": "sequential_integrated_gradients", "n_samples": 512}, r"n_samples \(now 512\)"),
        ("shapley_value_sampling", {"n_samples": 512}, r"n_samples \(now 512\)"),
        ("reagent", {"num_probes": 200}, r"num_probes \(now 200\).*budget \(now none\)"),
    ],
)
def test_what_takes_too_many_passes_is_refused_before_any_is_made(
    method: str, settings: dict[str, Any], lower: str, model: AttributionModel
) -> None:
    question = Asked(text=LONG, method_settings=settings, generation=Generation(max_new_tokens=20))
    question.check(Limits(), [method])
    view, watch = watched(model, 10**9, no_progress)
    with pytest.raises(InputError, match=rf"{method}: [\d,]+\); here at most 20,000 .*Lower .*{lower}"):
        check_passes(view, question, [method], Limits())
    assert watch.tally.forward_rows == 0


@pytest.mark.parametrize("method", [name for name in choices.method_names() if name != "learned_attention"])
def test_the_usual_settings_are_allowed(method: str, model: AttributionModel) -> None:
    text = "He was" if method == "exact_shapley" else TEXT
    check_passes(model, Asked(text=text), [method], Limits())


def test_methods_of_one_question_count_together_and_a_contrast_too(model: AttributionModel) -> None:
    question = Asked(text="George was", output="sick.")
    limits = Limits(question_passes=6)
    check_passes(model, question, ["occlusion"], limits)
    with pytest.raises(InputError, match=r"occlusion: \d+, .*; here at most 6"):
        check_passes(model, question, ["occlusion", "saliency"], limits)
    contrast = evolve(question, contrast="well.", target="contrast_prob_diff")
    check_passes(model, contrast, ["occlusion"], limits)
    with pytest.raises(InputError, match="here at most 3 are"):
        check_passes(model, contrast, ["occlusion"], Limits(question_passes=3))


@pytest.mark.parametrize("context", ["George was sick. So was Mary.", "George was sick.\n---\nMary was well."])
def test_a_question_about_a_context_takes_no_more_than_was_told(context: str, model: AttributionModel) -> None:
    question = Asked(text="He went to", generation=Generation(max_new_tokens=4))
    view, watch = watched(model, 10**6, no_progress)
    explained_context(view, question, context, "occlusion", no_progress)
    taken = watch.tally.forward_rows
    check_context_passes(model, question, context, "occlusion", Limits())
    with pytest.raises(InputError, match="occlusion"):
        check_context_passes(model, question, context, "occlusion", Limits(question_passes=taken - 1))


def test_an_evaluation_is_refused_before_its_attributions_are_made(model: AttributionModel) -> None:
    question = Asked(text="He was sick.", output="She", generation=Generation(max_new_tokens=2))
    measured = Measured(metrics=["abpc", "tau_loo"], removals=["delete", "unk"])
    view, watch = watched(model, 10**6, no_progress)
    check_evaluation_passes(view, question, ["saliency", "occlusion"], measured, Limits())
    with pytest.raises(InputError, match="here at most 10 are allowed"):
        check_evaluation_passes(view, question, ["saliency", "occlusion"], measured, Limits(evaluation_passes=10))
    assert watch.tally.forward_rows == 0
    results = explained_by_all(view, question, ["saliency", "occlusion"], no_progress)
    before = watch.tally.forward_rows
    evaluated(view, results, measured, Limits(), no_progress)
    taken = watch.tally.forward_rows - before
    with pytest.raises(InputError, match="passes"):
        check_evaluation_passes(
            view, question, ["saliency", "occlusion"], measured, Limits(evaluation_passes=taken - 1)
        )


def test_a_method_of_unknown_cost_is_stopped_where_the_limit_is(
    model: AttributionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    @frozen(kw_only=True)
    class Unknown(Saliency):
        def cost(self, question: Question) -> None:  # type: ignore[override]
            return None

    monkeypatch.setattr(pricing, "_method", lambda question, name: Unknown())
    question = Asked(text=TEXT, output="to the hospital")
    check_passes(model, question, ["saliency"], Limits(question_passes=1))
    view, _ = watched(model, 3, no_progress)
    with pytest.raises(InputError, match="stopped after 3 passes"):
        explained(view, question, "occlusion", no_progress)


def test_the_output_is_written_once(model: AttributionModel, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    generate = model.adapter.generate

    def counted(*given: Any, **settings: Any) -> Any:
        calls.append(given)
        return generate(*given, **settings)

    monkeypatch.setattr(model.adapter, "generate", counted, raising=False)
    view, watch = watched(model, 10**6, no_progress)
    question = Asked(text=TEXT, generation=Generation(max_new_tokens=3))
    check_passes(view, question, ["saliency", "occlusion"], Limits())
    one, other = explained_by_all(view, question, ["saliency", "occlusion"], watch.progress)
    assert len(calls) == 1
    plain = explained(model, question, "saliency", no_progress)
    assert (one[0].target_attributions == plain[0].target_attributions).all()
    assert [token.text for token in other[0].target] == [token.text for token in plain[0].target]


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("dummy", "learned_attention")])
def test_every_method_can_be_cancelled_after_one_pass(method: str, model: AttributionModel) -> None:
    """Whatever it says of its progress."""

    def stop(phase: str, done: int, total: int) -> None:
        if phase != "generate":
            raise StoppedError

    view, watch = watched(model, 10**6, stop)
    if method in ("alti", "alti_logit", "attention"):  # read from inside of the model, of one pass
        pytest.skip("asks the model once")
    with pytest.raises(StoppedError):
        explained(view, Asked(text="George was", output="sick"), method, no_progress)
    assert watch.tally.calls == 1


def test_a_long_question_is_cancelled_at_the_desk(model: AttributionModel) -> None:
    desk, began = Desk(), threading.Event()

    def task(progress: Any) -> str:
        view, watch = watched(model, 10**9, progress)
        began.set()
        question = Asked(text=LONG, output="He", method_settings={"n_steps": 512})
        return str(explained(view, question, "sequential_integrated_gradients", watch.progress))

    work = desk.work("me", task)
    next(work)
    assert began.wait(60)
    desk.stop("me")
    assert list(work)[-1] == Failed(why="Cancelled.")
