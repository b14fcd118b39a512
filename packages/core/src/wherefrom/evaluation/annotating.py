"""Numbers of an evaluation as annotations of the examples, so that lists of examples show and sort by them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from wherefrom.evaluation.records import Evaluation, check_named
from wherefrom.results.attribution import Attributions


def with_measurements(results: Attributions, evaluation: Evaluation, method: str | None = None) -> Attributions:
    """The results, each example annotated with its mean number per metric over outputs and removals.

    The terminal browser has a column for each, and the filter language knows them as ``:metric``.

    Args:
        method: Its name in the evaluation; None: the only one evaluated.

    Raises:
        UnknownNameError: The evaluation has no such method, or several and none was named.
    """
    if method is None and len(evaluation.methods) == 1:
        (method,) = evaluation.methods
    check_named("method", str(method), evaluation.methods)
    values: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in evaluation.measurements:
        if one.method == method and one.value is not None:
            values[one.example][one.metric].append(one.value)
    return results.replace(
        sequence_attributions=tuple(
            example.replace(
                annotations={
                    **example.annotations,
                    **{metric: round(float(np.mean(found)), 4) for metric, found in values[index].items()},
                }
            )
            for index, example in enumerate(results)
        )
    )
