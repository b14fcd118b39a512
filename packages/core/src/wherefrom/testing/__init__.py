"""For whoever writes an adapter or a method: a reference model, models with known answers, checks and a
meter."""

from wherefrom.adapters.views import Tally, counting, only
from wherefrom.testing import conformance_inside as _conformance_inside  # noqa: F401  (it adds its checks)
from wherefrom.testing.conformance import Check, ConformanceError, check_adapter, checks_for
from wherefrom.testing.known import linear_model, linear_share, shift_copy_model
from wherefrom.testing.questions import question
from wherefrom.testing.reference import AttentiveModel, NumpyModel, ReferenceModel

__all__ = [
    "AttentiveModel",
    "Check",
    "ConformanceError",
    "NumpyModel",
    "ReferenceModel",
    "Tally",
    "check_adapter",
    "checks_for",
    "counting",
    "linear_model",
    "linear_share",
    "only",
    "question",
    "shift_copy_model",
]
