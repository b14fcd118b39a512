"""SmoothGrad and its kin: any gradient method, averaged over noisy copies of the input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from attrs import evolve, field, frozen, validators

from wherefrom.adapters import GivesGradients
from wherefrom.adapters.rescale import GivesRescale
from wherefrom.arrays import Array
from wherefrom.errors import SettingsError
from wherefrom.methods._noise import with_noise
from wherefrom.methods.capabilities import check_capabilities
from wherefrom.methods.contract import L2_THEN_NORMALIZE, METHODS, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.saliency import Saliency
from wherefrom.progress import Progress, counted, no_progress
from wherefrom.questions.question import Question
from wherefrom.results.stages import Stage
from wherefrom.settings import counting


def _method_of(of: Any) -> Any:
    return METHODS.get(of)() if isinstance(of, str) else of


def _signed_saliency() -> Saliency:
    return Saliency(abs=False)


def _check_method(instance: Any, attribute: Any, of: Any) -> None:
    if not isinstance(of, Method) or isinstance(of, type):
        raise SettingsError(f"of must be a method or its name, not {of!r}.")
    if not {*of.needs} <= {GivesGradients, GivesRescale} or of.dimensions != ("width",):
        raise SettingsError(
            f"{of.identifier} takes no gradients of embeddings, so noise on them says nothing. "
            "Use saliency, input_x_gradient, integrated_gradients or another gradient method."
        )


@method
@frozen(kw_only=True)
class SmoothGrad:
    """The mean of a method's scores over noisy copies of the input.

    Shape and units are those of the method inside. Noise is drawn anew for each copy from the question's
    seed, Gaussian, on every position of both sides.

    Good for: gradients that jump from point to point. Fails: noisy embeddings are no words; a large ``stdev``
    explains another input.

    Source:
        Smilkov, Thorat, Kim, Viégas & Wattenberg (2017), https://arxiv.org/abs/1706.03825.
    """

    identifier: ClassVar[str] = "smoothgrad"
    dimensions: ClassVar[tuple[str, ...]] = ("width",)
    aggregation: ClassVar[tuple[Stage, ...]] = L2_THEN_NORMALIZE
    signed: ClassVar[bool] = True
    needs: ClassVar[tuple[type, ...]] = (GivesGradients,)
    uses_target_function: ClassVar[bool] = True
    differentiates: ClassVar[bool] = True
    former_names: ClassVar[dict[str, str]] = {"nt_samples": "n_samples", "stdevs": "stdev"}

    of: Any = field(factory=_signed_saliency, converter=_method_of, validator=_check_method)
    """The method inside, or its name: any that takes gradients of embeddings. Default: saliency with its
    sign."""
    n_samples: int = field(default=10, validator=counting(1))
    """Noisy copies."""
    stdev: float = field(default=0.15, validator=validators.ge(0))
    """Standard deviation of the noise, as a part of the range of the input's embeddings."""

    def cost(self, question: Question) -> Cost:
        return _noisy_cost(self, question)

    def attribute(self, model: GivesGradients, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """``n_samples`` times what the method inside costs."""
        yield from _averaged(self, _mean, model, questions, progress)


@method
@frozen(kw_only=True)
class SquareGrad:
    """The mean of a method's squared scores over noisy copies of the input: unsigned, in squared units of the
    score.

    Good for: contrast between what matters and what does not. Fails: as `SmoothGrad`, and the sign is gone.

    Source:
        Hooker, Erhan, Kindermans & Kim (2019), https://arxiv.org/abs/1806.10758.
    """

    identifier: ClassVar[str] = "squaregrad"
    dimensions: ClassVar[tuple[str, ...]] = ("width",)
    aggregation: ClassVar[tuple[Stage, ...]] = L2_THEN_NORMALIZE
    signed: ClassVar[bool] = False
    needs: ClassVar[tuple[type, ...]] = (GivesGradients,)
    uses_target_function: ClassVar[bool] = True
    differentiates: ClassVar[bool] = True
    former_names: ClassVar[dict[str, str]] = {"nt_samples": "n_samples", "stdevs": "stdev"}

    of: Any = field(factory=_signed_saliency, converter=_method_of, validator=_check_method)
    """The method inside, or its name. Default: saliency."""
    n_samples: int = field(default=10, validator=counting(1))
    """Noisy copies."""
    stdev: float = field(default=0.15, validator=validators.ge(0))
    """Standard deviation of the noise, as a part of the range of the input's embeddings."""

    def cost(self, question: Question) -> Cost:
        return _noisy_cost(self, question)

    def attribute(self, model: GivesGradients, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """``n_samples`` times what the method inside costs."""
        yield from _averaged(self, _mean_square, model, questions, progress)


@method
@frozen(kw_only=True)
class VarGrad:
    """The variance of a method's scores over noisy copies of the input: unsigned, in squared units of the
    score.

    The unbiased estimate, so at least two copies are needed.

    Good for: where the method is unsure of itself; does not depend on the mean score. Fails: it shows how
    scores vary, not how large they are.

    Source:
        Adebayo, Gilmer, Goodfellow & Kim (2018), https://arxiv.org/abs/1810.03307.
    """

    identifier: ClassVar[str] = "vargrad"
    dimensions: ClassVar[tuple[str, ...]] = ("width",)
    aggregation: ClassVar[tuple[Stage, ...]] = L2_THEN_NORMALIZE
    signed: ClassVar[bool] = False
    needs: ClassVar[tuple[type, ...]] = (GivesGradients,)
    uses_target_function: ClassVar[bool] = True
    differentiates: ClassVar[bool] = True
    former_names: ClassVar[dict[str, str]] = {"nt_samples": "n_samples", "stdevs": "stdev"}

    of: Any = field(factory=_signed_saliency, converter=_method_of, validator=_check_method)
    """The method inside, or its name. Default: saliency with its sign."""
    n_samples: int = field(default=10, validator=counting(2))
    """Noisy copies."""
    stdev: float = field(default=0.15, validator=validators.ge(0))
    """Standard deviation of the noise, as a part of the range of the input's embeddings."""

    def cost(self, question: Question) -> Cost:
        return _noisy_cost(self, question)

    def attribute(self, model: GivesGradients, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """``n_samples`` times what the method inside costs."""
        yield from _averaged(self, _variance, model, questions, progress)


def _mean(samples: Sequence[Array]) -> Array:
    return sum(samples[1:], samples[0]) / len(samples)


def _mean_square(samples: Sequence[Array]) -> Array:
    return _mean([sample**2 for sample in samples])


def _variance(samples: Sequence[Array]) -> Array:
    middle = _mean(samples)
    return _mean([(sample - middle) ** 2 for sample in samples]) * len(samples) / (len(samples) - 1)


def _noisy_cost(wrapper: SmoothGrad | SquareGrad | VarGrad, question: Question) -> Cost:
    """What the method inside costs, once for every noisy copy, and a clean pass for step scores."""
    inside: Cost = wrapper.of.cost(evolve(question, scores={}))
    return inside.times(wrapper.n_samples) + Cost(forwards=1 if question.scores else 0)


def _averaged(
    wrapper: Any, reduce: Any, model: GivesGradients, questions: Sequence[Question], progress: Progress
) -> Iterator[Scores]:
    work = (_one(wrapper, reduce, model, question) for question in questions)
    yield from counted(work, "attribute", len(questions), progress)


def _one(wrapper: Any, reduce: Any, model: Any, question: Question) -> Scores:
    check_capabilities(model, wrapper.of)
    rng = np.random.default_rng(question.seed)
    samples = []
    for _ in range(wrapper.n_samples):
        noisy = with_noise(model, question, wrapper.stdev, rng)
        samples.extend(wrapper.of.attribute(noisy, [evolve(question, scores={})], no_progress))
    step_scores: dict[str, Array] = {}
    if question.scores:
        for answer in model.predict([question.row(scores=True)]):
            step_scores.update(answer.scores)
    sides: dict[str, Array | None] = {}
    for side in ("source", "target"):
        parts = [getattr(sample, side) for sample in samples]
        sides[side] = None if parts[0] is None else reduce(parts)
    warnings = tuple(dict.fromkeys(text for sample in samples for text in sample.warnings))
    return Scores(
        source=sides["source"],
        target=sides["target"],
        step_scores=step_scores,
        details={"seed": question.seed, "samples": wrapper.n_samples},
        warnings=warnings,
    )
