"""The filter language: what a user types into the filter bar, as a test of examples.

Terms are combined by ``and`` (or nothing), ``or``, ``not`` (or ``-``) and parentheses:

===================== ======================================================================
``sick "came home"``  the text contains the words, in any case
``prob<0.2``          mean of a step score; ``len``, ``inputs``, ``steps``, ``n`` are lengths and the number
``minprob<0.1``       smallest value of a step score
``label=bad``         an annotation: ``=`` and ``!=`` for its value, ``:`` for a part of it, ``<`` for numbers;
                      ``column(any name)=bad`` where the name has spaces, or is one of ours
``method:ig``         ``method``, ``id``, ``file``, ``input``, ``output``, ``tag`` contain a text
``has:"<unk>"``       a token is exactly this
``input~/regex/``     ``input``, ``output``, ``text``, ``id`` match a regular expression
``share(context)>.5`` share of the scores' magnitude on segments of that name, the source, prompt or output
``is:marked``         what was marked
===================== ======================================================================

The result is a tree of the tests in `filters`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from wherefrom.errors import InputError, nearest

from wherefrom_viz.browser.columns import number_from
from wherefrom_viz.browser.filters import (
    All,
    Annotated,
    AnyOf,
    Compares,
    Contains,
    Everything,
    Filter,
    Has,
    LowestCompares,
    Marked,
    Matches,
    Named,
    Not,
    ShareCompares,
    Tagged,
    cost_of,
)


class FilterError(InputError):
    """The expression cannot be understood; `position` says where."""

    def __init__(self, message: str, position: int, *, unfinished: bool = False) -> None:
        super().__init__(message)
        self.position = position
        self.unfinished = unfinished
        """Is it no mistake, but something that is still being written?"""


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


def parse_filter(
    text: str, score_names: Sequence[str] = (), annotation_names: Sequence[str] = (), *, typing: bool = False
) -> Filter:
    """The filter that ``text`` describes; nothing matches everything.

    Args:
        text: What the user wrote.
        score_names: Step scores that can be compared.
        annotation_names: Annotations besides tags.
        typing: May more be coming? Then a last word that could become the name of a field is unfinished.

    Raises:
        FilterError: The text has a mistake, or is unfinished.
    """
    return _Parser(text, score_names, annotation_names, typing=typing).whole()


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>\()|(?P<close>\))
      | (?P<share>share\(\s*(?P<part>[^()]+?)\s*\))\s*(?P<share_op><=|>=|!=|<|>|=)\s*(?P<share_value>[^\s()]*)
      | (?P<minus>-(?=[^\s\d.]))
      | (?P<field>column\(\s*(?P<column>[^()]+?)\s*\)|[A-Za-z_][\w.]*)\s*(?P<op><=|>=|!=|<|>|=|:|~)\s*
        (?P<value>"(?:[^"\\]|\\.)*"?|/(?:[^/\\]|\\.)*/?|[^\s()]*)
      | "(?P<phrase>(?:[^"\\]|\\.)*)(?P<quote>"?)
      | (?P<word>[^\s()"]+)
    )""",
    re.VERBOSE,
)
_BEGUN_CALL = re.compile(r"(?:^|[\s(-])(?P<call>share|column)\([^()]*\)?\s*!?$")
_BEGUN_NUMBER = re.compile(r"[-+]?\d*\.?(?:\d+e[-+]?)?", re.IGNORECASE)


class _Parser:
    """Recursive descent: or, and, not, term."""

    def __init__(self, text: str, score_names: Sequence[str], annotation_names: Sequence[str], *, typing: bool) -> None:
        self.text = text
        self.typing = typing
        self.scores = tuple(score_names)
        self.annotations = tuple(annotation_names)
        begun = _BEGUN_CALL.search(text)
        if begun is not None:
            example = "share(context)>50%" if begun["call"] == "share" else "column(a name)=value"
            raise FilterError(f"{example} …", begun.start("call"), unfinished=True)
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
        return All(tuple(sorted(parts, key=cost_of)))

    def negated(self) -> Filter:
        if self.place >= len(self.tokens):
            raise FilterError("Something is missing at the end.", len(self.text), unfinished=True)
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
                raise FilterError("A '(' has no ')'.", token.start("open"), unfinished=True)
            self.place += 1
            return inside
        if token["share"]:
            value = self._number(token, "share_value", "share")
            return ShareCompares(token["part"].casefold(), _COMPARISONS[token["share_op"]], value)
        if token["field"]:
            return self._field(token)
        if token["phrase"] is not None:
            if not token["quote"]:
                raise FilterError('A text in quotes has no end: add ".', token.start("phrase"), unfinished=True)
            return Contains("text", _unescaped(token["phrase"]).casefold())
        self._refuse_begun_word(token)
        return Contains("text", token["word"].casefold())

    def _refuse_begun_word(self, token: re.Match[str]) -> None:
        """Raises: FilterError: The word ends the text and may become the name of a field."""
        word, where = token["word"], token.start("word")
        if not self._ends_with(token):
            return
        if word == "-" or (word.endswith("!") and word[:-1] in self._known()):
            raise FilterError("Something is missing at the end.", token.end(), unfinished=True)
        if not self.typing:
            return
        found = [name for name in (*self._known(), "share(", "column(") if name.startswith(word)]
        if found:
            names = ", ".join(dict.fromkeys(found[:6]))
            raise FilterError(f"{names} … or Enter: texts with {word!r}", where, unfinished=True)

    def _field(self, token: re.Match[str]) -> Filter:
        sign, value, where = token["op"], token["value"], token.start("field")
        name = token["column"] or SHORT_NAMES.get(token["field"], token["field"])
        if token["column"] is not None or (name in self.annotations and name not in self._own()):
            return self._annotated(name, token)
        if name == "tags":
            name = "tag"
        lowest = self._lowest(name)
        if name not in self._own() and lowest is None:
            known = self._known()
            hint = nearest(name, known) or f" There are: {', '.join(known)}, share(...)."
            raise FilterError(f"There is no field {name!r}.{hint}", where)
        if sign == "~":
            if name not in ("input", "output", "text", "id"):
                raise FilterError(
                    f"{name!r} takes no regular expression; input, output, text and id do.", token.start("op")
                )
            return Matches(name, self._pattern(name, token))
        if name in TEXT_FIELDS:
            if sign not in (":", "="):
                raise FilterError(f"{name!r} is a text: write {name}:word or {name}~/regex/.", token.start("op"))
            return self._text(name, self._plain(value, token), token)
        if sign == ":":
            raise FilterError(f"{name!r} is a number: write {name}<1 or {name}>=1.", token.start("op"))
        bound = self._number(token, "value", name)
        if lowest is not None:
            return LowestCompares(lowest, _COMPARISONS[sign], bound)
        return Compares(name, _COMPARISONS[sign], bound)

    def _own(self) -> tuple[str, ...]:
        """Fields that every example has, and step scores."""
        return (*NUMBER_FIELDS, *self.scores, *TEXT_FIELDS)

    def _known(self) -> list[str]:
        """All that may stand before a sign."""
        short = [short for short, long in SHORT_NAMES.items() if long in self.scores and len(short) > 1]
        lowest = [f"min{name}" for name in (*short, *self.scores)]
        return [*NUMBER_FIELDS, *short, *self.scores, *lowest, *self.annotations, *TEXT_FIELDS]

    def _lowest(self, name: str) -> str | None:
        """The step score whose smallest value is meant by ``minprob``."""
        score = SHORT_NAMES.get(name[3:], name[3:])
        return score if name.startswith("min") and score in self.scores else None

    def _annotated(self, name: str, token: re.Match[str]) -> Filter:
        sign, value = token["op"], token["value"]
        if sign == "~":
            pattern = self._pattern(name, token)
            return Annotated(name, lambda one: pattern.search(str(one)) is not None)
        if sign in (":", "=", "!="):
            wanted = self._plain(value, token).casefold()
            if not wanted:
                raise self._begun(token, f"What should {name!r} be? Write {name}{sign}value.", token.end("op"))
            if sign == ":":
                return Annotated(name, lambda one: wanted in str(one).casefold())
            if sign == "=":
                return Annotated(name, lambda one: _says(one, wanted))
            return All((Annotated(name, lambda one: True), Not(Annotated(name, lambda one: _says(one, wanted)))))
        compare, bound = _COMPARISONS[sign], self._number(token, "value", name)

        def compares(one: Any) -> bool:
            number = number_from(one)
            return number is not None and compare(number, bound)

        return Annotated(name, compares)

    def _text(self, name: str, value: str, token: re.Match[str]) -> Filter:
        if not value:
            raise self._begun(token, f"What should {name!r} be? Write {name}:word.", token.end("op"))
        if name == "has":
            return Has(value)
        if name == "tag":
            return Tagged(value.casefold())
        if name == "is":
            if value not in _STATES:
                begun = self._ends_with(token) and any(state.startswith(value) for state in _STATES)
                raise FilterError(
                    f"Nothing is {value!r}. Write is:marked or is:unmarked.", token.start("value"), unfinished=begun
                )
            return Marked(value == "marked")
        if name in ("method", "file"):
            return Named(name, value.casefold())
        return Contains(name, value.casefold())

    def _pattern(self, name: str, token: re.Match[str]) -> re.Pattern[str]:
        value = token["value"]
        if len(value) < 2 or value[0] != "/" or value[-1] != "/":
            raise FilterError(
                f"Write the regular expression between slashes: {name}~/.../",
                token.start("value"),
                unfinished=value[:1] in ("", "/"),
            )
        try:
            return re.compile(value[1:-1].replace("\\/", "/"), re.IGNORECASE)
        except re.error as error:
            raise FilterError(f"The regular expression is wrong: {error}.", token.start("value")) from error

    def _number(self, token: re.Match[str], group: str, name: str) -> float:
        value = token[group]
        try:
            number = float(value.rstrip("%"))
        except ValueError:
            begun = self._ends_with(token) and _BEGUN_NUMBER.fullmatch(value) is not None
            got = f", got {value!r}" if value else ""
            raise FilterError(f"{name} is compared with a number{got}.", token.start(group), unfinished=begun) from None
        return number / 100 if value.endswith("%") else number

    def _plain(self, value: str, token: re.Match[str]) -> str:
        if not value.startswith('"'):
            return value
        if len(value) < 2 or not value.endswith('"'):
            raise FilterError('A text in quotes has no end: add ".', token.start("value"), unfinished=True)
        return _unescaped(value[1:-1])

    def _begun(self, token: re.Match[str], message: str, position: int) -> FilterError:
        return FilterError(message, position, unfinished=self._ends_with(token))

    def _ends_with(self, token: re.Match[str]) -> bool:
        """Does the text end with this token, so that it may be only the beginning of one?"""
        return token.end() == len(self.text)

    def _word(self, word: str) -> bool:
        return self.place < len(self.tokens) and (self.tokens[self.place]["word"] or "").lower() == word

    def _position(self) -> int:
        token = self.tokens[self.place]
        return token.start() + len(token[0]) - len(token[0].lstrip())


def _says(value: Any, wanted: str) -> bool:
    """Is an annotation this, as a number or as a text in any case?"""
    number, other = number_from(value), number_from(wanted)
    if number is not None and other is not None:
        return number == other
    return str(value).casefold() == wanted


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
