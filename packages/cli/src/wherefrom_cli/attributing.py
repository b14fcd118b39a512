"""From examples to attributions: one call of the library, whatever is given with each text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from wherefrom.errors import UsageError
from wherefrom.settings import nth_seed

from wherefrom_cli.request import AttributionRequest
from wherefrom_cli.texts import Example, refuse_unfit

if TYPE_CHECKING:
    from wherefrom import AttributionModel, Attributions


def attribute_examples(
    model: AttributionModel,
    examples: Sequence[Example],
    request: AttributionRequest,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    part: int = 0,
) -> Attributions:
    """The attributions of ``examples``, in order, each under its own id.

    Args:
        part: Which part of a larger piece of work they are. Parts sample other answers; whatever else is random is
            drawn for each example alike, so that scores do not depend on what it was put together with.

    Raises:
        UsageError: A text is empty, or some have a target and some have none.
    """
    refuse_unfit(examples)
    targets = [example.generated for example in examples if example.generated is not None]
    if targets and len(targets) != len(examples):
        raise UsageError(
            f"{len(targets)} of {len(examples)} texts have a target.\n"
            "Give every text one, or none to let the model generate."
        )
    keywords = request.keywords()
    if part:
        keywords["generation_seed"] = nth_seed(keywords.get("generation_seed", request.seed), part)
    out = model.attribute(
        [example.text for example in examples],
        targets or None,
        progress=progress,
        show_progress=False,
        **keywords,
        **compared(examples),
    )
    if len(out) != len(examples):  # several sequences per text were generated
        return out
    named = tuple(
        one if example.id is None else one.replace(id=example.id) for one, example in zip(out, examples, strict=True)
    )
    return out.replace(sequence_attributions=named)


def compared(examples: Sequence[Example]) -> dict[str, Any]:
    """What texts are compared with, as arguments of `attribute`; empty: with nothing."""
    contrasts = [example.contrast for example in examples]
    return {} if all(one is None for one in contrasts) else {"contrast_targets": contrasts}
