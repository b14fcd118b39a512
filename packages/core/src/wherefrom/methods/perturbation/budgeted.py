"""Perturbation methods that ask about all units at once, or within a budget about large ones first."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence

from attrs import frozen

from wherefrom.adapters import ScoringModel
from wherefrom.methods.contract import Scores
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.answering import by_plan, check_model
from wherefrom.methods.perturbation.coarse_to_fine import budget_cost, require_budget, within_budget
from wherefrom.methods.perturbation.cost import sampled_cost
from wherefrom.methods.perturbation.settings import PerturbationSettings, SampledSettings
from wherefrom.methods.perturbation.units import units_of
from wherefrom.progress import Progress
from wherefrom.questions.question import Question


@frozen(kw_only=True)
class Budgeted(PerturbationSettings):
    """Says what all units at once cost and score; with a ``budget`` that does not do for them, it is spent from coarse
    to fine."""

    def cost(self, question: Question) -> Cost:
        return self.whole_cost(question) if self.budget is None else budget_cost(self, question)

    def cost_on(self, model: ScoringModel, question: Question) -> Cost:
        """What it costs, or the refusal of a budget: no price for what will not be done."""
        if self.budget is not None:
            require_budget(self, model, question)
        return self.cost(question)

    def attribute(self, model: ScoringModel, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """A model that cannot do what is needed is refused before any work."""
        check_model(self, model)
        if self.budget is not None:
            return within_budget(self, model, questions, progress)
        return self.whole(model, questions, progress)

    @abstractmethod
    def whole_cost(self, question: Question) -> Cost:
        """What all units at once cost."""

    @abstractmethod
    def whole(self, model: ScoringModel, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Answers about all units at once, in order."""


@frozen(kw_only=True)
class BudgetedSampling(Budgeted, SampledSettings):
    """The same of those that draw one plan of coalitions per question."""

    def whole_cost(self, question: Question) -> Cost:
        return sampled_cost(self, question, units_of(question, self.units))

    def whole(self, model: ScoringModel, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        return by_plan(self, model, questions, progress)
