"""The model while one question is answered: every pass is counted, and is a moment to be cancelled at.

Methods tell how far they are as they like, and some tell little. So a question is stopped where the model answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import define, field
from wherefrom.adapters import Row
from wherefrom.adapters.views import Tally, counting, with_methods
from wherefrom.arrays import IntArray
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError
from wherefrom.methods.contract import Progress


@define(eq=False)
class Watch:
    """What one question has taken so far, and whom to ask whether it is still wanted."""

    most: int
    """Passes, forward and backward, after which it is stopped."""
    tell: Progress
    """Raises where the question is not wanted any more."""
    tally: Tally = field(factory=Tally)
    _last: tuple[str, int, int] = ("asking the model", 0, 0)

    def progress(self, phase: str, done: int, total: int) -> None:
        """What a method says of its work."""
        self._last = (phase, done, total)
        self.tell(phase, done, total)

    def answered(self) -> None:
        """The model has answered once more.

        Raises:
            InputError: That was more than is allowed.
        """
        if self.tally.forward_rows + self.tally.backward_rows > self.most:
            raise InputError(
                f"This was stopped after {self.most:,} passes of the model, which are allowed for one question. "
                "Choose another method, a shorter text or fewer new tokens."
            )
        self.tell(*self._last)


def watched(model: AttributionModel, most: int, tell: Progress) -> tuple[AttributionModel, Watch]:
    """The model as one question sees it, which also writes the same output once only."""
    counted, tally = counting(model.adapter)
    watch = Watch(most=most, tell=tell, tally=tally)

    def metered(name: str) -> Callable[..., Any]:
        method = getattr(counted, name)

        def run(self: Any, rows: Iterable[Row], /, *args: Any, **kwargs: Any) -> Iterator[Any]:
            for answer in method(rows, *args, **kwargs):
                watch.answered()
                yield answer
                del answer  # it may be large, and the next one is about to be made

        return run

    written: dict[str, list[list[IntArray]]] = {}

    def generate(
        self: Any,
        prompts: Sequence[IntArray],
        *,
        decoder_prefixes: Sequence[IntArray] | None = None,
        settings: Mapping[str, Any],
        seed: int | None = None,
    ) -> list[list[IntArray]]:
        ids = [[list(map(int, one)) for one in some] for some in (prompts, decoder_prefixes or ())]
        asked = repr((ids, sorted(settings.items())))  # sampling is off: the seed changes nothing
        if asked not in written:
            written[asked] = model.adapter.generate(
                prompts, decoder_prefixes=decoder_prefixes, settings=settings, seed=seed
            )
        return written[asked]

    view = type(with_methods(counted, metered))
    adapter: Any = type(view.__name__, (view,), {"generate": generate})()
    again = AttributionModel(adapter, model.method, framework=model.framework)
    again.attributed_fn = model.attributed_fn
    return again, watch
