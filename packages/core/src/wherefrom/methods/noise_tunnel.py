"""SmoothGrad and its kin: a method that takes gradients of embeddings, averaged over noisy copies of the input."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from attrs import evolve, field, frozen, validators

from wherefrom.adapters import DifferentiableModel, GivesGradients
from wherefrom.adapters.rescale import GivesRescale
from wherefrom.arrays import Array, to_numpy
from wherefrom.errors import SettingsError
from wherefrom.methods._noise import with_noise
from wherefrom.methods.capabilities import check_capabilities
from wherefrom.methods.contract import L2_THEN_NORMALIZE, METHODS, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.discretized_integrated_gradients import DiscretizedIntegratedGradients
from wherefrom.methods.saliency import Saliency
from wherefrom.methods.sampling.running import Mean, Variance
from wherefrom.progress import Progress, counted
from wherefrom.questions.question import Question
from wherefrom.settings import counting

_INSTEAD = "Use saliency, input_x_gradient, integrated_gradients or another method of the embeddings' gradients."


def _method_of(of: Any) -> Any:
    return METHODS.get(of)() if isinstance(of, str) else of


def _signed_saliency() -> Saliency:
    return Saliency(abs=False)


def _check_method(instance: Any, attribute: Any, of: Any) -> None:
    if not isinstance(of, Method) or isinstance(of, type):
        raise SettingsError(f"of must be a method or its name, not {of!r}.")
    if not {*of.needs} <= {GivesGradients, GivesRescale} or of.dimensions != ("width",):
        raise SettingsError(
            f"{of.identifier} takes no gradients of embeddings, so noise on them says nothing. {_INSTEAD}"
        )
    if isinstance(of, DiscretizedIntegratedGradients):
        raise SettingsError(
            f"{of.identifier} goes from word to word, where noise on the input does not reach. {_INSTEAD}"
        )


@frozen(kw_only=True)
class NoiseTunnel(Method[DifferentiableModel]):
    """Settings of the methods that look at another's scores for noisy copies of the input, and what they do.

    Shape is that of the method inside. Noise is drawn anew for each copy from the question's seed, Gaussian, on every
    position of both sides.
    """

    former_names: ClassVar[dict[str, str]] = {"nt_samples": "n_samples", "stdevs": "stdev"}

    of: Any = field(factory=_signed_saliency, converter=_method_of, validator=_check_method)
    """The method inside, or its name: any that takes gradients of the input's embeddings, which excludes
    ``discretized_integrated_gradients``, whose points are words. Default: saliency with its sign."""
    n_samples: int = field(default=10, validator=counting(1))
    """Noisy copies."""
    stdev: float = field(default=0.15, validator=validators.ge(0))
    """Standard deviation of the noise, as a part of the range of the input's embeddings."""

    @abstractmethod
    def gathered(self) -> Mean | Variance:
        """What the scores of noisy copies are added to, one after the other."""

    def cost(self, question: Question) -> Cost | None:
        """What the method inside costs, once for every noisy copy, and a clean pass for step scores; None where the
        method inside cannot know."""
        return self._cost(question, self.of.cost)

    def cost_on(self, model: DifferentiableModel, question: Question) -> Cost | None:
        return self._cost(question, partial(self.of.cost_on, model))

    def _cost(self, question: Question, of: Callable[[Question], Cost | None]) -> Cost | None:
        inside = of(evolve(question, scores={}))
        if inside is None:
            return None
        return inside.times(self.n_samples) + Cost(forwards=1 if question.scores else 0)

    def attribute(
        self, model: DifferentiableModel, questions: Sequence[Question], progress: Progress
    ) -> Iterator[Scores]:
        """``n_samples`` times what the method inside costs."""
        work = (self._one(model, question, progress) for question in questions)
        yield from counted(work, "attribute", len(questions), progress)

    def _one(self, model: DifferentiableModel, question: Question, progress: Progress) -> Scores:
        check_capabilities(model, self.of)
        rng = np.random.default_rng(question.seed)
        sides: dict[str, Mean | Variance] = {}
        warnings: list[str] = []
        for done in range(self.n_samples):

            def tell(phase: str, finished: int, of: int, done: int = done) -> None:
                progress("samples", done, self.n_samples)  # the work on a copy is part of this one's

            noisy = with_noise(model, question, self.stdev, rng)
            for sample in self.of.attribute(noisy, [evolve(question, scores={})], tell):
                for side in ("source", "target"):
                    if (scores := getattr(sample, side)) is not None:
                        sides.setdefault(side, self.gathered()).add(to_numpy(scores))
                warnings += sample.warnings
                del sample, scores  # as large as the result, and the next ones are about to be made
            progress("samples", done + 1, self.n_samples)
        step_scores: dict[str, Array] = {}
        if question.scores:
            for answer in model.predict([question.row(scores=True)]):
                step_scores.update(answer.scores)
        return Scores(
            source=sides["source"].value() if "source" in sides else None,
            target=sides["target"].value() if "target" in sides else None,
            step_scores=step_scores,
            details={"seed": question.seed, "samples": self.n_samples},
            warnings=tuple(dict.fromkeys(warnings)),
            new=True,
        )


@method(
    "smoothgrad",
    needs=(GivesGradients,),
    signed=True,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=L2_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class SmoothGrad(NoiseTunnel):
    """The mean of a method's scores over noisy copies of the input, in their units.

    Good for: gradients that jump from point to point. Fails: noisy embeddings are no words; a large ``stdev``
    explains another input.

    Source:
        Smilkov, Thorat, Kim, Viégas & Wattenberg (2017), https://arxiv.org/abs/1706.03825.
    """

    def gathered(self) -> Mean:
        return Mean()


@method(
    "squaregrad",
    needs=(GivesGradients,),
    signed=False,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=L2_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class SquareGrad(NoiseTunnel):
    """The mean of a method's squared scores over noisy copies of the input: unsigned, in squared units of the
    score.

    Good for: contrast between what matters and what does not. Fails: as `SmoothGrad`, and the sign is gone.

    Source:
        Hooker, Erhan, Kindermans & Kim (2019), https://arxiv.org/abs/1806.10758.
    """

    def gathered(self) -> Mean:
        return Mean(power=2)


@method(
    "vargrad",
    needs=(GivesGradients,),
    signed=False,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=L2_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class VarGrad(NoiseTunnel):
    """The variance of a method's scores over noisy copies of the input: unsigned, in squared units of the
    score.

    The unbiased estimate, so at least two copies are needed.

    Good for: where the method is unsure of itself; does not depend on the mean score. Fails: it shows how
    scores vary, not how large they are.

    Source:
        Adebayo, Gilmer, Goodfellow & Kim (2018), https://arxiv.org/abs/1810.03307.
    """

    n_samples: int = field(default=10, validator=counting(2))
    """Noisy copies."""

    def gathered(self) -> Variance:
        return Variance()
