"""Where the sentences of a text are: the one rule of the whole library.

A sentence ends at a full stop, a question or exclamation mark of any script, closing quotes and brackets included, and
at every line break; an emoji right behind such a mark belongs to it. It does not end after a title, an initial, an
abbreviation, the number of a list, within a number or an address, nor where a quotation goes on in lower case (``"Why?"
he asked``). Scripts that set no space after their full stop need none. Leading white space is part of no sentence.
Characters that are not seen, as those that say in which direction a text runs, or where a word may be hyphenated,
change nothing: they go with what they follow.

What is a stop, a closing mark or a letter comes from the Unicode character database (UAX #29, "Unicode Text
Segmentation", https://www.unicode.org/reports/tr29/, and UAX #44), by way of ``regex``; what is an abbreviation from
the lists here, which hold common ones of nine languages.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from wherefrom.text.characters import Characters, begins_unspaced, whole_characters


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_TITLES = _listed(
    "Mr Mrs Ms Mx Dr Drs Prof Rev Hon Gen Col Capt Lt Sgt Maj Gov Sen Rep Pres Mt Messrs Fr Sr Sra Srta Dra Ud Uds "
    "Hr Dipl Ing Mme Mmes Mlle MM Mgr Sig Dott Dhr Mevr Exmo Exma Vd EE"
)
"""What stands before a name, without the last point."""

_NEVER_LAST = _listed(
    "vs v cf approx ca viz resp esp incl excl eds e.g i.e z.b d.h u.a u.u o.ä i.d.r z.t s.o s.u o.g v.a bzw ggf evtl "
    "inkl vgl sog bijv d.w.z p.ej c.-à-d т.е т.к т.н напр ул см dott dr prof sig"
)
"""What stands before something else, in lower case or with a capital, but not in capitals (``CA``, ``12 V``)."""

_BEFORE_NUMBERS = _listed(
    "no nos nr art sec ch chap fig figs tab eq eqs p pp vol par abb kap bd n núm nº pág págs tel § стр рис гл п "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
"""Abbreviations when a number or a lower-case word follows; words, or ends of sentences, otherwise."""

_ALSO_WORDS = _listed("no nos art sec fig figs tab par mar sept")
"""Those that are words too, spelt so: what follows them in lower case may be a sentence that somebody wrote so."""

_BEFORE_CAPITALS = _listed(
    "etc usw ecc enz u.s.w u.dgl г гг в вв и.т.д т.д т.п др пр н.э тыс руб n.chr v.chr mio mrd min max al"
)
"""Abbreviations that end a sentence if a capital follows."""

_BEFORE_STARTERS = _listed("inc ltd co corp jr bros dept univ est st ave blvd rd a.m p.m ph.d b.c a.d им")
"""Abbreviations often followed by a name, so that only a word that begins sentences tells that one begins."""

_STARTERS = (
    "The|A|An|This|That|These|Those|He|She|It|They|We|I|You|But|And|So|In|On|At|If|When|While|Then|There|However|Yet|"
    "My|His|Her|Its|Their|Our|For|As|After|Before|What|Why|How|Who|Where|Er|Sie|Es|Wir|Das|Der|Die|Il|Elle|Ils|On|Nous|"
    "El|Ella|Ellos|Los|Las|No|Yes|Because|Since|Although|Он|Она|Оно|Они|Мы|Вы|Я|Это|Но|И|А|В|На"
)

_MONTHS = (
    "Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|"
    "Januari|Februari|Maart|Mei|Augustus|Oktober|Jan|Feb|Apr|Aug|Sept?|Okt|Nov|Dez|Jahrhunderts?|Jh"
)
"""What a number with a point is an ordinal of, in languages that write ordinals so."""

_GAP = "[\\x20\\u00a0\\u202f]"
"""What may stand between the pieces of an abbreviation: ``z. B.``"""

_IN_PIECES = frozenset(
    word for known in (_NEVER_LAST, _BEFORE_CAPITALS, _BEFORE_STARTERS) for word in known if "." in word
)

_LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def sentences(text: str) -> list[Characters]:
    """The sentences of a text, without the white space around them.

    Example:
        >>> text = 'Dr. Smith met Ms. Jones. "Why?" he asked.'
        >>> [text[begin:end] for begin, end in sentences(text)]
        ['Dr. Smith met Ms. Jones.', '"Why?" he asked.']
    """
    if text.isascii() or not (unseen := [match.start() for match in _patterns().unseen.finditer(text)]):
        return whole_characters(_of_seen(text), text)
    hidden = frozenset(unseen)
    places = [place for place in range(len(text)) if place not in hidden]
    found: list[Characters] = []
    for begin, end in _of_seen("".join(text[place] for place in places)):
        last = found[-1][1] if found else 0
        first = places[begin - 1] + 1 if begin else 0
        found.append((max(first, last), places[end] if end < len(places) else len(text)))
    return whole_characters(found, text)


def _of_seen(text: str) -> list[Characters]:
    """The sentences of a text without characters that are not seen."""
    found: list[Characters] = []
    begin = 0
    for end in [*_ends(text), len(text)]:
        piece = text[begin:end]
        if piece.strip():
            found.append((begin + len(piece) - len(piece.lstrip()), begin + len(piece.rstrip())))
        begin = end
    return found


def _ends(text: str) -> list[int]:
    patterns = _patterns()
    return [
        match.end()
        for match in patterns.end.finditer(text)
        if match.group("line") is not None or _closes_sentence(text, match, patterns)
    ]


class _Patterns:
    def __init__(self) -> None:
        import regex  # not needed to start up

        # UAX #29, SB5; what composes characters (variation selectors and joiners) is here, accents are not
        self.unseen = regex.compile(r"(?V1)[\p{Default_Ignorable_Code_Point}--\p{L}]")
        # a sentence's last marks: stops, then quotes, brackets, notes ("[1]"), emoji and signs of emphasis, then stops
        # again; "«" and "‹" close what their like opened at a word: »Komm!«
        stops = r"[\p{Sentence_Break=STerm}\p{Sentence_Break=ATerm}…]"
        emoji = r"(?:(?![©®™])[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}])"
        closing = (
            r"(?:[\p{Pe}\p{Pf}'*_`~]|»|[\x20\u00a0\u202f]»(?=\s|\Z)|\[\d{1,3}\]|[“‘](?=\s|\Z)"
            rf"|\"(?=\s|\Z|[\p{{Pe}}\p{{Pf}}])|\"(?<=[^\x00-\x7f]\")|{emoji}"
            r"|«(?<=»(?=[\p{L}\p{N}\p{Ps}\p{Pi}›…])[^«»]*«)|‹(?<=›(?=[\p{L}\p{N}\p{Ps}\p{Pi}»…])[^‹›]*‹))"
        )
        self.end = regex.compile(
            rf"(?P<line>[{_LINE_BREAKS}]+)|(?P<stop>{stops}(?:\x20?{stops})*)(?P<close>(?:{closing}+{stops}*)*)"
        )
        self.needs_space = regex.compile(r"[.!?…؟․﹒]\Z")
        self.no_quotation = regex.compile(rf"[*_`~]|{emoji}")
        self.word_before = regex.compile(r"[^\s\p{Ps}\p{Pi}\"/]+\Z")
        self.list_number = regex.compile(
            rf"(?:\A|[{_LINE_BREAKS}])[^\S{_LINE_BREAKS}]*[*#>•-]?[^\S{_LINE_BREAKS}]*"
            r"(?:\d{1,3}(?:\.\d{1,3})*|\p{L}|[ivx]{1,5}|(?=[IVX])X{0,3}(?:IX|IV|V?I{0,3}))\Z"
        )
        self.numbered = regex.compile(
            r"\p{N}|\p{Lu}\.?\p{N}|[(\[](?:\p{N}{1,4}\p{L}?|\p{L}|[ivx]{1,5})[)\]]|[IVXLC]{2,}\b"
            rf"|[IVXLC](?=[.;:)\]{_LINE_BREAKS}]|\Z)"
        )
        self.one_of_many = regex.compile(r"[IVXLC],|[VXLC]\s")  # "vol. I, p. 3", "Bd. X", and not "No. I, too"
        self.pieces_before = regex.compile(rf"(?:\b\p{{L}}{{1,3}}\.{_GAP}?)*\b\p{{L}}{{1,3}}\Z")
        self.pieces_after = regex.compile(rf"(?:\p{{L}}{{1,3}}\.{_GAP}?)+")
        self.gap = regex.compile(_GAP)
        self.next_letter = regex.compile(r"[^\p{L}\p{N}\p{M}\s]*([\p{L}\p{N}])")
        self.starter = regex.compile(rf"[\p{{Ps}}\p{{Pi}}\"']*(?:{_STARTERS})\b(?!\.)")
        self.capitals = regex.compile(r"\p{Lu}{2}")
        self.month = regex.compile(rf"(?:{_MONTHS})\b")
        self.acronym = regex.compile(r"(?:\b\p{L}\p{M}*\.\x20?)+\p{L}\p{M}*\Z|(?:\b\p{Lu}{2}\.\x20?)+\p{Lu}{2}\Z")
        self.initial = regex.compile(r"(?:\p{Lu}\p{M}*|\p{Lu}\p{M}*-\p{Lu})\Z")


@cache
def _patterns() -> _Patterns:
    return _Patterns()


def _closes_sentence(text: str, match: Any, patterns: _Patterns) -> bool:
    stop, close, end = match.group("stop"), match.group("close"), match.end()
    rest = text[end : end + 40]
    if patterns.needs_space.search(stop):
        spaced = not rest or rest[0].isspace()
        if not spaced and not (stop[-1] in "!?" and begins_unspaced(rest)):
            return False
    elif close[-1:] in ("」", "』") and rest.startswith(("と", "って")):
        return False  # what was said, and that it was said
    elif stop == "．" and text[match.start() - 1 : match.start()].isdigit() and rest[:1].isdigit():
        return False
    after = rest.lstrip()
    if not after or rest[: len(rest) - len(after)].strip(" \t\u00a0\u202f\u3000"):
        return True  # nothing follows, or a line break does, which ends the sentence itself
    first = patterns.next_letter.match(after)
    lower = first is not None and first.group(1).islower() and after[first.end() : first.end() + 1] != "."
    if lower and (patterns.no_quotation.sub("", close) or stop.endswith("…") or (len(stop) > 1 and stop.endswith("."))):
        return False
    return (
        stop != "."
        or bool(close)
        or not _abbreviates(text[max(0, match.start() - 40) : match.start()], after, patterns)
    )


def _abbreviates(before: str, after: str, patterns: _Patterns) -> bool:
    """Is a point after ``before``, with ``after`` behind it, that of an abbreviation, an initial or a number?"""
    if patterns.list_number.search(before):
        return True
    found = patterns.word_before.search(before)
    if found is None:
        return False
    if found.group() in _TITLES:
        return True
    spelt = _in_one(before, found.group(), patterns)
    word = spelt.lower()
    if word.isdigit():
        return len(word) <= 2 and patterns.month.match(after) is not None
    if _goes_on(word, after, patterns):
        return True
    begins = patterns.starter.match(after) is not None
    if patterns.initial.match(spelt):
        return not begins
    if word in _NEVER_LAST:
        return not spelt.isupper() or patterns.capitals.match(after) is not None
    if word in _BEFORE_NUMBERS:
        if word not in _ALSO_WORDS and patterns.one_of_many.match(after):
            return True
        return (after[0].islower() and spelt not in _ALSO_WORDS) or patterns.numbered.match(after) is not None
    if word in _BEFORE_CAPITALS:
        return not after[0].isupper()
    if word in _BEFORE_STARTERS or patterns.acronym.search(before):
        return not begins
    return False


def _in_one(before: str, last: str, patterns: _Patterns) -> str:
    """The last word, or the known abbreviation whose pieces stand there apart (``z. B``), without its gaps."""
    pieces = patterns.pieces_before.search(before)
    whole = "" if pieces is None else patterns.gap.sub("", pieces.group())
    known = (whole[at:] for at in range(len(whole)) if at == 0 or whole[at - 1] == ".")
    return next((one for one in known if one.lower() in _IN_PIECES), last)


def _goes_on(word: str, after: str, patterns: _Patterns) -> bool:
    """Is this the beginning of a known abbreviation whose pieces stand apart?"""
    pieces = patterns.pieces_after.match(after)
    if pieces is None:
        return False
    whole = f"{word}.{patterns.gap.sub('', pieces.group())}".lower()
    return any(known.startswith(f"{word}.") and whole.startswith(f"{known}.") for known in _IN_PIECES)
