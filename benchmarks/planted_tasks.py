"""Tasks with planted evidence: look-ups, chains of assignments, and needles, each with reasoning before the answer.

Made from a seed, the same everywhere. A task is a `wherefrom.evaluation.bench.Prompt` with the reasoning that stands
between prompt and answer. The answer hangs on the sentences named as evidence and on nothing else: its word stands
nowhere else in the prompt, and the reasoning does not name it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from wherefrom.evaluation.bench import Prompt

KINDS = ("key_value", "chain", "needle")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_NAMES = _words(
    """
    Frank Victor Nina Simon Clara Helen Mark David Adam Emma Jack Kate Tina Rose Paul Laura Peter Alice Oscar Julia
    Martin Sophie Daniel Lucy
    """
)
_THINGS = _words(
    """
    blanket helmet violin wallet camera saddle tractor rocket hammer piano pillow basket umbrella ladder kettle mirror
    candle carpet bottle trumpet lantern guitar compass telescope
    """
)
_PLACES = _words(
    """
    harbour station library museum garden castle factory theatre market bridge chapel airport school bakery tower
    hospital stadium prison palace lighthouse
    """
)
_COLOURS = _words("red blue green yellow black white brown purple orange pink grey silver golden")
_DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
_FILLER = (
    "The weather was mild that week, and most people stayed outside until late in the evening.",
    "Nobody could say when the old road had been built, but it was still in good repair.",
    "In the afternoon a light wind came up from the sea and moved the leaves of the trees.",
    "The council had met twice already and would meet again before the end of the month.",
    "Some of the shops were closed, since their owners had gone to visit the fair.",
    "A long line of carts stood in front of the gate and waited for it to open.",
    "The children had been told to be quiet, and for a while they were.",
    "It took almost an hour to walk from one end of the valley to the other.",
    "The bread was baked before sunrise and sold while it was still warm.",
    "Every winter the river froze, and every spring the ice broke with a loud noise.",
    "The teacher read a story about a fox that wanted to cross the mountains.",
    "There were more letters than usual, and the postman needed the whole morning.",
    "A small dog ran across the square and disappeared behind the fountain.",
    "The clock on the town hall had stopped years ago and nobody had mended it.",
    "They talked about the price of wool and about the harvest of the year before.",
    "The second train was late, so the travellers had time to drink some tea.",
)


class Task(Prompt, frozen=True, kw_only=True):
    """A prompt, what is generated before the answer, and the answer."""

    reasoning: str

    @property
    def output(self) -> str:
        """Everything that is generated."""
        return self.reasoning + self.answer


def tasks(count: int, seed: int = 0) -> list[Task]:
    """So many tasks, the kinds in turn."""
    makers = {"key_value": _key_value, "chain": _chain, "needle": _needle}
    made = []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        made.append(makers[kind](random.Random(f"{seed}-{kind}-{number}"), f"{kind}-{number:03d}"))
    return made


def _key_value(draw: random.Random, id: str) -> Task:
    pairs = list(zip(draw.sample(_NAMES, 8), draw.sample(_THINGS, 8), strict=True))
    lines = [f"{name} bought the {thing} early on {draw.choice(_DAYS)} morning." for name, thing in pairs]
    sentences = [*lines, *draw.sample(_FILLER, 12)]
    draw.shuffle(sentences)
    asked = draw.randrange(len(pairs))
    name, thing = pairs[asked]
    return Task(
        id=id,
        set="key_value",
        prompt=f"{' '.join(sentences)} Question: Who bought the {thing}?",
        reasoning=(
            f" Let us look at the text above. One sentence in it says who bought the {thing}. The person who bought"
            f" the {thing} early on that morning was"
        ),
        answer=f" {name}",
        evidence=(lines[asked],),
    )


def _chain(draw: random.Random, id: str) -> Task:
    """Boxes that hold the same as other boxes: two chains of three, mixed with other sentences."""
    colours = draw.sample(_COLOURS, 6)
    things = draw.sample(_THINGS, 2)
    chains = [colours[3 * number : 3 * number + 3] for number in range(2)]
    sentences = [("", text) for text in draw.sample(_FILLER, 13)]
    for (first, second, third), thing in zip(chains, things, strict=True):
        sentences.append((first, f"The {first} box has a {thing}."))
        sentences.append((first, f"The {second} box holds the same as the {first} box."))
        sentences.append((first, f"The {third} box holds the same as the {second} box."))
    draw.shuffle(sentences)
    asked = draw.randrange(2)
    first, second, third = chains[asked]
    return Task(
        id=id,
        set="chain",
        prompt=f"There are six boxes. {' '.join(text for _, text in sentences)} Question: What has the {third} box?",
        reasoning=(
            f" The {third} box holds the same as the {second} box. The {second} box holds the same as the {first} box."
            f" The {first} box has a"
        ),
        answer=f" {things[asked]}",
        evidence=tuple(text for owner, text in sentences if owner == first),
    )


def _needle(draw: random.Random, id: str) -> Task:
    name, other = draw.sample(_NAMES, 2)
    place, wrong = draw.sample(_PLACES, 2)
    filler = draw.sample(_FILLER, 16)
    needle = f"The key of {name} is hidden in the {place}."
    distraction = f"The coat of {other} was left in the {wrong} the day before."
    at = draw.randrange(2, 13)
    sentences: Sequence[str] = [*filler[:at], needle, *filler[at:14], distraction, *filler[14:]]
    return Task(
        id=id,
        set="needle",
        prompt=f"{' '.join(sentences)} Question: Where is the key of {name}?",
        reasoning=(
            " Most of the text is about other things. But one sentence tells about the key of "
            f"{name}. It is hidden in the"
        ),
        answer=f" {place}",
        evidence=(needle,),
    )


def evidence_tokens(prompt: str, evidence: Sequence[str], ends: Sequence[int]) -> list[bool]:
    """Which tokens of a prompt share a visible character with a sentence of the evidence.

    Args:
        ends: Where each token ends in the prompt, in characters; special tokens end where they begin.
    """
    spans = [(prompt.index(text), prompt.index(text) + len(text)) for text in evidence]
    touched, begin = [], 0
    for end in ends:
        text = prompt[begin:end]
        first = begin + len(text) - len(text.lstrip())
        touched.append(any(first < stop and end > start and first < end for start, stop in spans))
        begin = end
    return touched
