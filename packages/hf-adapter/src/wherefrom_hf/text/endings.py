"""Where a generated answer ends: where generation itself ended it, never at an id that looks like an end.

A batch goes on until its last answer is done and fills the others up with padding, which may be the id of an end token
or one that the model said. So the rules that end a row (end tokens, stop strings, criteria of the user's) are asked
again of the row's own tokens, and criteria, which may keep a state, are listened to while generation runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from attrs import field, frozen
from transformers import PreTrainedModel, PreTrainedTokenizerBase, StoppingCriteria, StoppingCriteriaList
from transformers.generation.stopping_criteria import StopStringCriteria
from wherefrom.arrays import IntArray
from wherefrom.errors import SettingsError
from wherefrom.settings import is_whole

from wherefrom_hf.text.generation_settings import effective


class _Listening(StoppingCriteria):
    """A criterion of the user's, and the length at which it first ended each row."""

    def __init__(self, criterion: Any) -> None:
        self.criterion = criterion
        self.ended: dict[int, int] = {}

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **more: Any) -> torch.BoolTensor:
        done = self.criterion(input_ids, scores, **more)
        rows = torch.as_tensor(done, device=input_ids.device).expand(input_ids.shape[0])
        for row in torch.nonzero(rows).flatten().tolist():
            self.ended.setdefault(int(row), int(input_ids.shape[1]))
        return rows.clone()  # type: ignore[return-value]


@frozen(eq=False)
class Endings:
    """What may end an answer in one call of generation."""

    eos_ids: tuple[int, ...]
    pad_id: int
    strings: StopStringCriteria | None
    listening: tuple[_Listening, ...] = field(factory=tuple)
    searches: bool = False
    """Beam search: rows change places, so criteria cannot be listened to row by row."""

    def end(self, sequence: IntArray, first: int, row: int) -> int:
        """The length of a returned row without what generation filled it up with.

        Args:
            sequence: The row as it came back.
            first: Where what was generated begins.
            row: Its place in the batch.
        """
        found = [len(sequence)]
        ends = np.flatnonzero(np.isin(sequence[first:], self.eos_ids))
        if len(ends):
            found.append(first + int(ends[0]) + 1)
        if self.strings is not None:
            found += self._stopped(sequence, first, min(found))
        if not self.searches:
            found += [one.ended[row] for one in self.listening if row in one.ended]
        elif self.listening and len(found) == 1:
            said = np.flatnonzero(sequence[first:] != self.pad_id)
            found.append(first + (int(said[-1]) + 1 if len(said) else 0))
        return min(found)

    def _stopped(self, sequence: IntArray, first: int, end: int) -> list[int]:
        assert self.strings is not None
        ids: Any = torch.from_numpy(np.asarray(sequence, dtype=np.int64))[None]
        for length in range(first + 1, end + 1):
            if bool(self.strings(ids[:, :length], None)[0]):
                return [length]
        return []


def endings(
    module: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, settings: Mapping[str, Any], pad_id: int
) -> tuple[Endings, dict[str, Any]]:
    """What ends answers under these settings, and the arguments of generation that it takes to know.

    Raises:
        SettingsError: An end token is no whole number.
    """
    eos_ids = _end_ids(effective(module, settings, "eos_token_id"))
    strings = effective(module, settings, "stop_strings")
    arguments: dict[str, Any] = {}
    if settings.get("eos_token_id") is not None:
        arguments["eos_token_id"] = list(eos_ids)  # transformers takes no arrays of NumPy
    if strings is not None:
        arguments["tokenizer"] = settings.get("tokenizer", tokenizer)
    criteria = settings.get("stopping_criteria")
    listed: Sequence[Any] = [] if criteria is None else list(criteria)
    listening = tuple(_Listening(criterion) for criterion in listed)
    if listening:
        arguments["stopping_criteria"] = StoppingCriteriaList(listening)
    return (
        Endings(
            eos_ids=eos_ids,
            pad_id=pad_id,
            strings=None if strings is None else StopStringCriteria(arguments["tokenizer"], _listed(strings)),
            listening=listening,
            searches=int(effective(module, settings, "num_beams") or 1) > 1,
        ),
        arguments,
    )


def _end_ids(given: Any) -> tuple[int, ...]:
    """Ids of end tokens, given as one, as a list or as an array of any library."""
    if given is None:
        return ()
    ids = np.asarray(given.cpu() if isinstance(given, torch.Tensor) else given).reshape(-1).tolist()
    if not all(map(is_whole, ids)):
        raise SettingsError(f"eos_token_id = {given!r} does not fit: expected a whole number, or a list of them.")
    return tuple(ids)


def _listed(strings: Any) -> list[str]:
    return [strings] if isinstance(strings, str) else list(strings)
