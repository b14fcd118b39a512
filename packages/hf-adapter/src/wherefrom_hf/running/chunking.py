"""How much to run at once.

On the host, batches stop paying off after a few hundred token positions; on an accelerator memory is the limit. Both
are budgets in token positions, and running out of memory halves them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch

from wherefrom_hf.running.trials import is_out_of_memory

R = TypeVar("R")
A = TypeVar("A")

HOST_POSITIONS = 2048
DEVICE_POSITIONS = 32768
HOST_LOGIT_BYTES = 16 * 2**20
DEVICE_LOGIT_BYTES = 512 * 2**20
HOST_PRODUCT_POSITIONS = 384
HOST_QUERIES = 512
HOST_QUERY_NUMBERS = 2**18
DEVICE_QUERY_NUMBERS = 2**21
PRODUCTS_AT_ONCE = 16
"""Most vector-Jacobian products in one batch."""


def positions_at_once(device: torch.device) -> int:
    """Token positions worth running in one pass on this device."""
    return HOST_POSITIONS if device.type == "cpu" else DEVICE_POSITIONS


def logit_bytes(device: torch.device) -> int:
    """How much the logits of one pass may weigh on this device."""
    return HOST_LOGIT_BYTES if device.type == "cpu" else DEVICE_LOGIT_BYTES


def products_at_once(device: torch.device, positions: int) -> int:
    """Vector-Jacobian products to batch over so many positions each.

    On the host as many as fill a few hundred positions, on an accelerator as the budget holds.
    """
    budget = HOST_PRODUCT_POSITIONS if device.type == "cpu" else positions_at_once(device)
    return max(1, min(PRODUCTS_AT_ONCE, budget // max(positions, 1)))


def queries_at_once(device: torch.device, width: int) -> int:
    """Single positions of ``width`` numbers to send through a block at once.

    On the host as many as keep what an inner layer computes near the processor: at 512 lines through a block of
    SmolLM2, products run at the speed of large matrices, and what is done to single numbers still finds them there.
    """
    if device.type == "cpu":
        return max(HOST_QUERIES, HOST_QUERY_NUMBERS // width)
    return max(1, DEVICE_QUERY_NUMBERS // width)


def chunks_of(
    rows: Iterable[R],
    cost: Callable[[R], int],
    budget: int,
    limit: int | None,
    together: Callable[[R, R], bool] | None = None,
) -> Iterator[list[R]]:
    """Cut ``rows``, in order, into lists whose longest row times their number stays within ``budget``.

    A row over the budget is a list of its own. ``limit`` fixes the number of rows and overrides the budget.
    ``together`` may keep a row out of the list that another one began. Rows are drawn when there is room for them: of
    long ones, which bring embeddings as large, no more than one is there at a time.
    """
    chunk: list[R] = []
    longest = 0

    def is_full(longest: int) -> bool:
        """Is there no room for one more, as long as the ``longest`` at least?"""
        return len(chunk) >= limit if limit is not None else longest * (len(chunk) + 1) > budget

    for row in rows:
        own = cost(row)
        apart = bool(chunk) and together is not None and limit is None and not together(chunk[0], row)
        if chunk and (apart or is_full(max(longest, own))):
            yield chunk
            chunk, longest = [], 0
        chunk.append(row)
        longest = max(longest, own)
        del row  # the chunk has it, and goes before the next is drawn
        if is_full(longest):
            yield chunk
            chunk, longest = [], 0
    if chunk:
        yield chunk


def halving(work: Callable[[list[R]], list[A]], rows: list[R]) -> Iterator[A]:
    """Answers of ``work`` for ``rows``; out of memory, halves are tried until single rows do not fit."""
    answers: list[A] | None = None
    try:
        answers = work(rows)
    except Exception as error:
        if len(rows) == 1 or not is_out_of_memory(error):
            raise
    if answers is None:  # out here the error, whose frames hold what was too much, is gone
        torch.cuda.empty_cache()
        middle = len(rows) // 2
        yield from halving(work, rows[:middle])
        yield from halving(work, rows[middle:])
        return
    yield from answers
