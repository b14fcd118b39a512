"""Can this model do what that method needs?"""

from __future__ import annotations

from wherefrom.adapters import SequenceModel
from wherefrom.adapters.catalogue import frameworks_that_give
from wherefrom.adapters.check import lacking, unmet
from wherefrom.errors import UnknownNameError
from wherefrom.methods.contract import METHODS, AnyMethod


def check_capabilities(model: SequenceModel, method: AnyMethod) -> None:
    """Refuse a method that needs more than the model gives.

    Raises:
        ModelCapabilityError: A capability is missing; the message lists the methods that would work.
    """
    missing = unmet(model, method.needs)
    if not missing:
        return
    others = [name for name in frameworks_that_give(method.needs) if name != model.card.framework]
    could = f" Adapters that could serve it: {', '.join(others)}." if others else ""
    work = f"Methods that work with it: {', '.join(usable_methods(model)) or 'none'}.{could}"
    raise lacking(model, missing[0], method.identifier, work)


def usable_methods(model: SequenceModel) -> list[str]:
    """Identifiers of the methods whose needs the model meets."""
    usable = []
    for name in METHODS:
        try:
            needs = METHODS.get(name).needs
        except (ImportError, UnknownNameError):  # a plug-in that is broken is no answer to this question
            continue
        if not unmet(model, needs):
            usable.append(name)
    return usable
