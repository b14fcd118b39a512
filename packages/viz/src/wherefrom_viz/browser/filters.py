"""The filter language: what a user types into the filter bar, as a test of examples.

Terms are combined by ``and`` (or nothing), ``or``, ``not`` (or ``-``) and parentheses:

===================== ======================================================================
``sick "came home"``  the text contains the words, in any case
``prob<0.2``          mean of a step score; ``len``, ``inputs``, ``steps``, ``n`` are lengths and the number
``method:ig``         ``method``, ``id``, ``file``, ``input``, ``output``, ``tag`` contain a text
``has:"<unk>"``       a token is exactly this
``input~/regex/``     ``input``, ``output``, ``text``, ``id`` match a regular expression
``share(context)>.5`` share of the scores' magnitude on segments of that name, the source, prompt or output
``is:marked``         what was marked
===================== ======================================================================

A filter is a tree of small frozen tests. They look at an example's summary first and read the example only if the
summary cannot tell.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from attrs import frozen
from wherefrom.attribution import Attribution
from wherefrom.errors import InputError, nearest
from wherefrom.files import Summary
from wherefrom.files.summaries import PREVIEW
from wherefrom.operations import share_on


class FilterError(InputError):
    """The expression cannot be understood; `position` says where."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class Candidate(Protocol):
    """An example to be tested."""

    @property
    def summary(self) -> Summary: ...

    @property
    def number(self) -> int:
        """Its place in its file, from 1."""
        ...

    @property
    def file(self) -> str: ...

    @property
    def marked(self) -> bool: ...

    def load(self) -> Attribution:
        """The whole example."""
        ...


class Filter(Protocol):
    """A test of examples."""

    def __call__(self, candidate: Candidate) -> bool: ...


Test: TypeAlias = Callable[[str], bool]

TEXT_FIELDS = ("input", "output", "text", "id", "method", "file", "tag", "has", "is")
NUMBER_FIELDS = ("len", "inputs", "steps", "n")
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_STATES = ("marked", "unmarked")
SHORT_NAMES = {"prob": "probability", "p": "probability", "ent": "entropy"}
"""Short names of step scores."""


def parse_filter(text: str, score_names: Sequence[str] = ()) -> Filter:
    """The filter that ``text`` describes; nothing matches everything.

    Args:
        text: What the user wrote.
        score_names: Step scores that can be compared.

    Raises:
        FilterError: The text has a mistake.
    """
    parser = _Parser(text, score_names)
    return parser.whole()


@frozen
class Everything:
    """Accepts all examples."""

    def __call__(self, candidate: Candidate) -> bool:
        return True


@frozen
class All:
    """Every part accepts; cheap parts are asked first."""

    parts: tuple[Filter, ...]

    def __call__(self, candidate: Candidate) -> bool:
        return all(part(candidate) for part in self.parts)


@frozen
class AnyOf:
    """One part accepts."""

    parts: tuple[Filter, ...]

    def __call__(self, candidate: Candidate) -> bool:
        return any(part(candidate) for part in self.parts)


@frozen
class Not:
    """The part does not accept."""

    part: Filter

    def __call__(self, candidate: Candidate) -> bool:
        return not self.part(candidate)


@frozen
class Contains:
    """A text field contains a text, in any case."""

    field: str
    wanted: str
    """Case folded."""

    def __call__(self, candidate: Candidate) -> bool:
        summary = candidate.summary
        if self.field in ("input", "text") and self.wanted in summary.prompt.casefold():
            return True
        if self.field in ("output", "text") and self.wanted in summary.output.casefold():
            return True
        if self.field in ("text", "id") and summary.id is not None and self.wanted in summary.id.casefold():
            return True
        if self.field == "id" or not _cut(summary):
            return False
        return any(self.wanted in part.casefold() for part in _texts(candidate, self.field))


@frozen
class Matches:
    """A text field matches a regular expression."""

    field: str
    pattern: re.Pattern[str]

    def __call__(self, candidate: Candidate) -> bool:
        summary = candidate.summary
        if self.field == "id":
            return self.pattern.search(summary.id or "") is not None
        return any(self.pattern.search(part) is not None for part in _texts(candidate, self.field))


@frozen
class Named:
    """Method or file contains a text, in any case; ``ig`` is short for the initials of a method."""

    field: str
    wanted: str

    def __call__(self, candidate: Candidate) -> bool:
        name = (candidate.summary.method if self.field == "method" else candidate.file).casefold()
        initials = "".join(word[:1] for word in name.split("_"))
        return self.wanted in name or (self.field == "method" and self.wanted == initials)


@frozen
class Has:
    """A token is exactly this, spaces around it aside."""

    token: str

    def __call__(self, candidate: Candidate) -> bool:
        summary = candidate.summary
        if not _cut(summary) and self.token not in summary.prompt and self.token not in summary.output:
            return False
        example = candidate.load()
        return any(
            one.text == self.token or one.text.strip() == self.token for one in (*example.source, *example.target)
        )


@frozen
class Tagged:
    """The file gave the example a tag (a field ``tags``, a list of texts)."""

    tag: str

    def __call__(self, candidate: Candidate) -> bool:
        tags = candidate.load().extra.get("tags")
        return isinstance(tags, list) and any(str(one).casefold() == self.tag for one in tags)


@frozen
class Marked:
    """The user marked it."""

    wanted: bool

    def __call__(self, candidate: Candidate) -> bool:
        return candidate.marked is self.wanted


@frozen
class Compares:
    """A length, or the mean of a step score, compared with a number. Examples without the score do not match."""

    field: str
    compare: Callable[[float, float], bool]
    bound: float

    def __call__(self, candidate: Candidate) -> bool:
        value = number_of(candidate.summary, candidate.number, self.field)
        return value is not None and self.compare(value, self.bound)


@frozen
class ShareCompares:
    """The share of the scores on a part of the inputs, compared with a number."""

    part: str
    compare: Callable[[float, float], bool]
    bound: float

    def __call__(self, candidate: Candidate) -> bool:
        share = share_on(candidate.load(), self.part)
        return share is not None and self.compare(share, self.bound)


def number_of(summary: Summary, number: int, field: str) -> float | None:
    """A numeric field of an example; None if it has none."""
    if field == "n":
        return number
    if field == "len":
        return summary.inputs + summary.steps
    if field == "inputs":
        return summary.inputs
    if field == "steps":
        return summary.steps
    return summary.scores.get(field)


def _cut(summary: Summary) -> bool:
    """Does the summary hold only the beginning of a text?"""
    return (
        summary.prompt.endswith("…")
        or summary.output.endswith("…")
        or summary.inputs > PREVIEW
        or summary.steps > PREVIEW
    )


def _texts(candidate: Candidate, field: str) -> list[str]:
    """The whole texts of a field."""
    summary = candidate.summary
    prompt, output = summary.prompt, summary.output
    if _cut(summary):
        example = candidate.load()
        inputs = example.source if example.source_attributions is not None else example.target[: example.attr_pos_start]
        prompt, output = "".join(one.text for one in inputs), "".join(one.text for one in example.steps)
    return {"input": [prompt], "output": [output]}.get(field, [prompt, output])


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>\()|(?P<close>\))
      | (?P<share>share\(\s*(?P<part>[^)\s]+)\s*\))\s*(?P<share_op><=|>=|!=|<|>|=)\s*(?P<share_value>[^\s()]*)
      | (?P<minus>-(?=[^\s\d.]))
      | (?P<field>[A-Za-z_][\w.]*)\s*(?P<op><=|>=|!=|<|>|=|:|~)\s*
        (?P<value>"(?:[^"\\]|\\.)*"?|/(?:[^/\\]|\\.)*/?|[^\s()]*)
      | "(?P<phrase>(?:[^"\\]|\\.)*)(?P<quote>"?)
      | (?P<word>[^\s()"]+)
    )""",
    re.VERBOSE,
)


class _Parser:
    """Recursive descent: or, and, not, term."""

    def __init__(self, text: str, score_names: Sequence[str]) -> None:
        self.text = text
        self.scores = tuple(score_names)
        self.tokens: list[re.Match[str]] = []
        position = 0
        end = len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise FilterError(f"Cannot read {text[position:].strip()!r}.", position)
            self.tokens.append(match)
            position = match.end()
        self.place = 0

    def whole(self) -> Filter:
        if not self.tokens:
            return Everything()
        found = self.either()
        if self.place < len(self.tokens):
            raise FilterError("There is a ')' without its '('.", self._position())
        return found

    def either(self) -> Filter:
        parts = [self.every()]
        while self._word("or"):
            self.place += 1
            parts.append(self.every())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def every(self) -> Filter:
        parts = [self.negated()]
        while self.place < len(self.tokens) and not self._word("or") and not self.tokens[self.place]["close"]:
            if self._word("and"):
                self.place += 1
            parts.append(self.negated())
        if len(parts) == 1:
            return parts[0]
        return All(tuple(sorted(parts, key=_cost)))

    def negated(self) -> Filter:
        if self.place >= len(self.tokens):
            raise FilterError("Something is missing at the end.", len(self.text))
        if self._word("not") or self.tokens[self.place]["minus"]:
            self.place += 1
            return Not(self.negated())
        return self.term()

    def term(self) -> Filter:
        token = self.tokens[self.place]
        if token["close"] or self._word("or") or self._word("and"):
            raise FilterError(f"Something is missing before {token[0].strip()!r}.", self._position())
        self.place += 1
        if token["open"]:
            inside = self.either()
            if self.place >= len(self.tokens):
                raise FilterError("A '(' has no ')'.", token.start("open"))
            self.place += 1
            return inside
        if token["share"]:
            value = self._number(token["share_value"], token.start("share_value"), "share")
            return ShareCompares(token["part"].casefold(), _COMPARISONS[token["share_op"]], value)
        if token["field"]:
            return self._field(token)
        if token["phrase"] is not None:
            if not token["quote"]:
                raise FilterError('A text in quotes has no end: add ".', token.start("phrase"))
            return Contains("text", _unescaped(token["phrase"]).casefold())
        return Contains("text", token["word"].casefold())

    def _field(self, token: re.Match[str]) -> Filter:
        name, sign, value = token["field"], token["op"], token["value"]
        where = token.start("field")
        name = SHORT_NAMES.get(name, name)
        known = [*NUMBER_FIELDS, *self.scores, *TEXT_FIELDS]
        if name not in known:
            known += [short for short, long in SHORT_NAMES.items() if long in self.scores and len(short) > 1]
            raise FilterError(
                f"There is no field {name!r}.{nearest(name, known)} There are: {', '.join(known)}, share(...).", where
            )
        if sign == "~":
            return self._regex(name, value, token)
        if name in TEXT_FIELDS:
            if sign not in (":", "="):
                raise FilterError(f"{name!r} is a text: write {name}:word or {name}~/regex/.", token.start("op"))
            return self._text(name, self._plain(value, token), token)
        if sign == ":":
            raise FilterError(f"{name!r} is a number: write {name}<1 or {name}>=1.", token.start("op"))
        return Compares(name, _COMPARISONS[sign], self._number(value, token.start("value"), name))

    def _text(self, name: str, value: str, token: re.Match[str]) -> Filter:
        if not value:
            raise FilterError(f"What should {name!r} be? Write {name}:word.", token.end("op"))
        if name == "has":
            return Has(value)
        if name == "tag":
            return Tagged(value.casefold())
        if name == "is":
            if value not in _STATES:
                raise FilterError(f"Nothing is {value!r}. Write is:marked or is:unmarked.", token.start("value"))
            return Marked(value == "marked")
        if name in ("method", "file"):
            return Named(name, value.casefold())
        return Contains(name, value.casefold())

    def _regex(self, name: str, value: str, token: re.Match[str]) -> Filter:
        if name not in ("input", "output", "text", "id"):
            raise FilterError(
                f"{name!r} takes no regular expression; input, output, text and id do.", token.start("op")
            )
        if len(value) < 2 or value[0] != "/" or value[-1] != "/":
            raise FilterError(f"Write the regular expression between slashes: {name}~/.../", token.start("value"))
        try:
            return Matches(name, re.compile(value[1:-1].replace("\\/", "/"), re.IGNORECASE))
        except re.error as error:
            raise FilterError(f"The regular expression is wrong: {error}.", token.start("value")) from error

    def _number(self, value: str, position: int, name: str) -> float:
        share = value.endswith("%")
        try:
            number = float(value.rstrip("%"))
        except ValueError:
            raise FilterError(f"{name} is compared with a number, got {value!r}.", position) from None
        return number / 100 if share else number

    def _plain(self, value: str, token: re.Match[str]) -> str:
        if not value.startswith('"'):
            return value
        if len(value) < 2 or not value.endswith('"'):
            raise FilterError('A text in quotes has no end: add ".', token.start("value"))
        return _unescaped(value[1:-1])

    def _word(self, word: str) -> bool:
        return self.place < len(self.tokens) and (self.tokens[self.place]["word"] or "").lower() == word

    def _position(self) -> int:
        token = self.tokens[self.place]
        return token.start() + len(token[0]) - len(token[0].lstrip())


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _cost(part: Filter) -> int:
    """Tests that read examples come last."""
    if isinstance(part, ShareCompares | Tagged):
        return 3
    if isinstance(part, Has):
        return 2
    return 1 if isinstance(part, Contains | Matches | AnyOf | Not | All) else 0
