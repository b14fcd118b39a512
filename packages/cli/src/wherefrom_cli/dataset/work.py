"""Doing one batch: together if possible, one by one if not, each failure recorded with its reason."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen
from wherefrom.errors import InputError, ModelGoneError, UsageError

from wherefrom_cli.attributing import attribute_examples
from wherefrom_cli.dataset.batches import Batch
from wherefrom_cli.dataset.source import Numbered
from wherefrom_cli.request import AttributionRequest, ModelRequest, Reduction

if TYPE_CHECKING:
    from wherefrom import Attribution, AttributionModel
    from wherefrom.results.provenance import Provenance

_LOG = logging.getLogger("wherefrom.cli.dataset")


@frozen(kw_only=True, eq=False)
class Outcome:
    """What became of one example: its attribution (several if several outputs were generated), or an error."""

    index: int
    key: str
    attribution: Attribution | None = None
    provenance: Provenance | None = None
    error_type: str = ""
    error: str = ""

    @property
    def failed(self) -> bool:
        """Did it end in an error?"""
        return self.attribution is None


@frozen(kw_only=True)
class Job:
    """How every batch is done; it can be sent to another process."""

    request: AttributionRequest
    reduction: Reduction = field(factory=Reduction)
    model: ModelRequest | None = None
    """What the model was loaded with, to be told with the results."""

    def run(
        self, model: AttributionModel, batch: Batch, progress: Callable[[str, int, int], None] | None = None
    ) -> list[Outcome]:
        """The outcomes of ``batch``, in its order.

        Raises:
            UsageError: The request itself is wrong, so that every example would fail the same way.
            ModelGoneError: The model stopped answering, so that the next examples would fail too.
        """
        try:
            return self._together(model, batch.examples, batch.number, progress)
        except ModelGoneError:
            raise
        except UsageError as error:
            if not isinstance(error, InputError):
                raise
        except Exception:
            _LOG.debug("batch %d failed as a whole; its examples are done one by one", batch.number, exc_info=True)
        return [self._alone(model, item, batch.number, progress) for item in batch.examples]

    def _alone(
        self,
        model: AttributionModel,
        item: Numbered,
        number: int,
        progress: Callable[[str, int, int], None] | None,
    ) -> Outcome:
        try:
            return self._together(model, (item,), number, progress)[0]
        except ModelGoneError:
            raise
        except Exception as error:
            if isinstance(error, UsageError) and not isinstance(error, InputError):
                raise
            _LOG.debug("example %s failed", item.key, exc_info=True)
            return Outcome(index=item.index, key=item.key, error_type=type(error).__name__, error=str(error))

    def _together(
        self,
        model: AttributionModel,
        items: tuple[Numbered, ...],
        number: int,
        progress: Callable[[str, int, int], None] | None,
    ) -> list[Outcome]:
        request = evolve(self.request, batch_size=None)
        out = attribute_examples(model, [item.example for item in items], request, progress, part=number)
        if len(out) != len(items):
            raise UsageError(
                f"{len(out)} outputs for {len(items)} texts.\n"
                "A data-set run keeps one output per example: say --generation-kwargs '{\"num_return_sequences\": 1}', "
                "also where it is the model's generation_config that asks for several."
            )
        out = self.reduction.apply(out)
        made = out.provenance if self.model is None else self.model.recorded(out.provenance)
        return [
            Outcome(
                index=item.index,
                key=item.key,
                attribution=one.replace(id=item.key, annotations=dict(item.example.annotations)),
                provenance=made,
            )
            for item, one in zip(items, out, strict=True)
        ]
