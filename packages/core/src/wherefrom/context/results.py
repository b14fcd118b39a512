"""What `attribute_context` returns. Field names are those of inseq's files, so that either library's can be read."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from wherefrom._registry import Registry
from wherefrom.context.selection import level
from wherefrom.errors import FileFormatError, InputError, MissingDependencyError
from wherefrom.files.wire.bytes import content_of, file_named, without_mark, write_whole
from wherefrom.files.wire.encoding import NOT_JSON, json_bytes
from wherefrom.files.wire.limits import OBJECT_SIZE, Budget
from wherefrom.files.wire.plain import from_plain, to_plain
from wherefrom.results.provenance import Provenance
from wherefrom.results.publishing import model_named, public_provenance, told_apart, without_paths
from wherefrom.results.showing import options_known
from wherefrom.text.spelling import texts_of_pieces

CONTEXT_RENDERERS: Registry[Callable[..., Any]] = Registry("context renderer", group="wherefrom.context_renderers")
"""Functions that draw a `ContextAttribution`, by name; found by the entry point ``wherefrom.context_renderers``."""


CUES_COUNT_BY = {"attribution_std_threshold": 1.0, "attribution_topk": None}
"""Entries of ``info`` that say which tokens of a context count as cues, and what holds where they are missing."""


class ContextPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document, a turn or a sentence of the input context."""

    text: str
    id: str = ""
    title: str = ""
    kind: str = "document"
    """``"document"``, ``"turn"`` or ``"sentence"``."""
    start: int = 0
    """First index into the input context's tokens."""
    end: int = 0
    """Index after the last, exclusive."""
    characters: tuple[int, int] | None = None
    """Where it stands in the input context's text: first character, and the one after the last."""

    @property
    def label(self) -> str:
        """Its title, else its id."""
        return self.title or self.id


class SentenceSupport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sentence of the output, and what each part of the context does for it. Nats."""

    text: str
    start: int
    """First index into the output's tokens."""
    end: int
    """Index after the last, exclusive."""
    necessity: list[float]
    """Log-probability lost without each part."""
    sufficiency: list[float]
    """Log-probability won by each part alone, over no context."""
    citations: list[int] = []
    """Indices of the parts that support it, strongest first."""
    p_values: list[float] = []
    """How often a foreign text would do as well as each part, corrected for all that were tested; empty without a
    test."""
    characters: tuple[int, int] | None = None
    """Where it stands in the output's text: first character, and the one after the last."""

    @property
    def support(self) -> list[float]:
        """The larger of necessity and sufficiency, for each part."""
        return [max(pair) for pair in zip(self.necessity, self.sufficiency, strict=True)]


class CueAttribution(msgspec.Struct, frozen=True, kw_only=True):
    """One context-sensitive token of the output, and how much each token of the contexts made it so."""

    cti_idx: int
    """Index into the output's tokens."""
    cti_token: str
    cti_score: float
    contextual_output: str
    """The output, its context included, up to and including the token."""
    contrast_token: str | None = None
    """What the model would rather have said here without the context, as its vocabulary spells it."""
    contrast_text: str | None = None
    """The same as it is read, the space in front included."""
    contextless_output: str | None = None
    """The output so far, and that token behind it."""
    input_context_scores: list[float] | None = None
    """One for each token of the input context; None without one."""
    output_context_scores: list[float] | None = None
    p_value: float | None = None
    """How often chance does as well, where a permutation test was made."""

    @property
    def alternative(self) -> str | None:
        """What the model would rather have said here, to be read; guessed from its spelling where files do not tell."""
        if self.contrast_token is None:
            return None
        text = texts_of_pieces([self.contrast_token])[0] if self.contrast_text is None else self.contrast_text
        return text.strip() or self.contrast_token

    @property
    def scores(self) -> list[float]:
        """Of both contexts together."""
        return [*(self.input_context_scores or []), *(self.output_context_scores or [])]

    @property
    def minimum(self) -> float:
        """Lowest score; 0 if there is none."""
        return min(self.scores, default=0.0)

    @property
    def maximum(self) -> float:
        """Highest score; 0 if there is none."""
        return max(self.scores, default=0.0)

    @property
    def mean(self) -> float:
        """Mean score; 0 if there is none."""
        return float(np.mean(self.scores)) if self.scores else 0.0

    @property
    def std(self) -> float:
        """Sample standard deviation; 0 for fewer than two."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else 0.0


class ContextAttribution(msgspec.Struct, frozen=True, kw_only=True):
    """Which words of an output depend on the context, and on what of it.

    Frozen: views compute what they show and change nothing.
    """

    input_context: str | None = None
    input_context_tokens: list[str] | None = None
    """Pieces of the vocabulary."""
    output_context: str | None = None
    output_context_tokens: list[str] | None = None
    output_current: str
    output_current_tokens: list[str]
    cti_scores: list[float]
    """The metric at each token of the output."""
    cci_scores: list[CueAttribution]
    """One for each selected token, most sensitive first."""
    info: dict[str, Any] = {}
    """The arguments, under the names of the command's options."""

    input_context_texts: list[str] | None = None
    """The tokens as they read, leading space included; None in foreign files."""
    output_context_texts: list[str] | None = None
    output_current_texts: list[str] | None = None
    cti_p_values: list[float] | None = None
    parts: list[ContextPart] = []
    sentences: list[SentenceSupport] = []
    support_threshold: float | None = None
    """Nats from which a part was cited."""
    falls_with_probability: str = ""
    """The target function of cues with a sign, where it falls as the model becomes surer (``crossentropy``): positive
    ones speak against the token. Empty: they speak for it, or have no sign."""
    provenance: Provenance | None = None

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        yield self.render("rich")

    def _repr_html_(self) -> str:
        return str(self.render("html", standalone=False))

    def __post_init__(self) -> None:
        pairs = [("cti_scores", self.cti_scores, self.output_current_tokens)]
        for cue in self.cci_scores:
            if not 0 <= cue.cti_idx < len(self.output_current_tokens):
                raise FileFormatError(
                    f"cti_idx {cue.cti_idx} lies outside of an output of {len(self.output_current_tokens)} tokens."
                )
            pairs += [
                ("input_context_scores", cue.input_context_scores or [], self.input_context_tokens or []),
                ("output_context_scores", cue.output_context_scores or [], self.output_context_tokens or []),
            ]
        for name, scores, tokens in pairs:
            if scores and len(scores) != len(tokens):
                raise FileFormatError(
                    f"{name} has {len(scores)} scores for {len(tokens)} tokens. A file written after inseq printed "
                    "both contexts has such lists; they cannot be told apart any more."
                )
        for which in ("input_context", "output_context", "output_current"):
            texts, pieces = getattr(self, f"{which}_texts"), getattr(self, f"{which}_tokens") or []
            if texts is not None and len(texts) != len(pieces):
                raise FileFormatError(f"{which}_texts has {len(texts)} texts for {len(pieces)} tokens.")

    @property
    def selected(self) -> list[int]:
        """Indices of the context-sensitive tokens, most sensitive first."""
        return [cue.cti_idx for cue in self.cci_scores]

    @property
    def min_cti(self) -> float:
        """Lowest sensitivity."""
        return min(self.cti_scores, default=0.0)

    @property
    def max_cti(self) -> float:
        """Highest sensitivity."""
        return max(self.cti_scores, default=0.0)

    @property
    def mean_cti(self) -> float:
        """Mean sensitivity."""
        return float(np.mean(self.cti_scores)) if self.cti_scores else 0.0

    @property
    def std_cti(self) -> float:
        """Sample standard deviation of the sensitivity."""
        return float(np.std(self.cti_scores, ddof=1)) if len(self.cti_scores) > 1 else 0.0

    @property
    def min_cci(self) -> float:
        """Lowest score of any cue."""
        return min((cue.minimum for cue in self.cci_scores), default=0.0)

    @property
    def max_cci(self) -> float:
        """Highest score of any cue."""
        return max((cue.maximum for cue in self.cci_scores), default=0.0)

    @property
    def mean_cci(self) -> float:
        """Mean score of all cues."""
        scores = [score for cue in self.cci_scores for score in cue.scores]
        return float(np.mean(scores)) if scores else 0.0

    @property
    def std_cci(self) -> float:
        """Sample standard deviation of all cues' scores."""
        scores = [score for cue in self.cci_scores for score in cue.scores]
        return float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0

    @property
    def unsupported(self) -> list[SentenceSupport]:
        """Sentences that no part supports."""
        return [sentence for sentence in self.sentences if not sentence.citations]

    @property
    def cited_text(self) -> str:
        """The output with its citations behind each sentence, ``It is red. [2]``; the output alone without any. See
        `cited_as`. Between sentences stands what stands there in the output; a space where files do not tell."""
        cited = [
            one.text.strip()
            + (" " if one.citations else "")
            + "".join(f"[{self.cited_as(part)}]" for part in one.citations)
            for one in self.sentences
        ]
        places = [one.characters for one in self.sentences if one.characters is not None]
        if self.sentences and len(places) < len(cited):
            return " ".join(cited)
        said = self.output_current
        ends = [0, *(end for _, end in places)]
        between = [said[end:start] for end, (start, _) in zip(ends, places, strict=False)]
        return "".join(gap + one for gap, one in zip(between, cited, strict=True)) + said[ends[-1] :]

    def cited_as(self, part: int) -> str:
        """What the part at an index of ``parts`` is cited by: its id, else its number, counted from 1."""
        return self.parts[part].id or str(part + 1)

    def cues(self, index: int) -> tuple[list[int], list[int]]:
        """Tokens of the input and of the output context that count as cues of the ``index``-th selected token.

        They lie above the mean plus so many standard deviations as the result was made with, or are among the top-k.
        """
        cue = self.cci_scores[index]
        scores = np.array(cue.scores)
        deviations, top = (self.info.get(name, default) for name, default in CUES_COUNT_BY.items())
        kept = np.flatnonzero((np.abs(scores) >= level(np.abs(scores), deviations)) & (scores != 0))
        kept = kept[np.argsort(-np.abs(scores[kept]), kind="stable")]
        if top is not None:
            kept = kept[:top]
        border = len(cue.input_context_scores or [])
        inside = [int(one) for one in kept if one < border]
        return inside, [int(one) - border for one in kept if one >= border]

    def texts(self, which: str) -> list[str]:
        """Readable tokens of ``"input_context"``, ``"output_context"`` or ``"output_current"``."""
        known: list[str] | None = getattr(self, f"{which}_texts")
        if known is not None:
            return known
        return texts_of_pieces(getattr(self, f"{which}_tokens") or [])

    def without_info(self) -> ContextAttribution:
        """A copy without what was asked and how it was made, but for what decides which cues count."""
        kept = {
            name: self.info[name] for name, default in CUES_COUNT_BY.items() if self.info.get(name, default) != default
        }
        return self.replace(info=kept, provenance=None)

    def citations_json(self) -> bytes:
        """Sentences with their citations and the whole matrix, as JSON.

        ``characters`` are half-open spans: of a sentence in ``output``, of a part or what is cited in ``context``.

        Raises:
            InputError: The result was made without documents.
        """
        if not self.sentences:
            raise InputError("There are no citations: the result was made without documents, turns or sentences.")
        return msgspec.json.format(
            msgspec.json.encode(
                {
                    "output": self.output_current,
                    "context": self.input_context,
                    "cited_text": self.cited_text,
                    "threshold_nats": self.support_threshold,
                    "level": self.info.get("support_level"),
                    "parts": [
                        {
                            "number": number,
                            "id": part.id,
                            "title": part.title,
                            "kind": part.kind,
                            "text": part.text,
                            "characters": part.characters,
                        }
                        for number, part in enumerate(self.parts, start=1)
                    ],
                    "sentences": [
                        {
                            "text": one.text.strip(),
                            "start": one.start,
                            "end": one.end,
                            "characters": one.characters,
                            "supported": bool(one.citations),
                            "citations": [
                                {
                                    "number": part + 1,
                                    "id": self.parts[part].id,
                                    "title": self.parts[part].title,
                                    "support": one.support[part],
                                    "necessity": one.necessity[part],
                                    "sufficiency": one.sufficiency[part],
                                    "p_value": one.p_values[part] if one.p_values else None,
                                    "characters": self.parts[part].characters,
                                }
                                for part in one.citations
                            ],
                        }
                        for one in self.sentences
                    ],
                    "support_nats": [one.support for one in self.sentences],
                }
            ),
            indent=2,
        )

    def replace(self, **changes: Any) -> ContextAttribution:
        """A copy with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    def public(self, without: Sequence[str] = ()) -> ContextAttribution:
        """A copy to give away, without paths and the time of day.

        Args:
            without: Fields of the provenance that go besides; see `wherefrom.results.publishing.public`.
        """
        made = public_provenance(self.provenance or Provenance(), without)  # tells of unknown names in any case
        kept = None if self.provenance is None else made
        names = told_apart(
            [part.id for part in self.parts], [without_paths(part.id, names=True) for part in self.parts]
        )
        parts = [
            msgspec.structs.replace(part, id=name, title=without_paths(part.title, names=True))
            for part, name in zip(self.parts, names, strict=True)
        ]
        info = {name: model_named(one) if name == "model_name_or_path" else one for name, one in self.info.items()}
        return self.replace(info=without_paths(info, names=True), provenance=kept, parts=parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the file."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ContextAttribution:
        """From `to_dict`, or from what inseq's own gives.

        Raises:
            FileFormatError: A field is missing or of the wrong type.
        """
        try:
            return msgspec.convert(from_plain(values), cls)
        except msgspec.ValidationError as error:
            raise FileFormatError(f"This is no context attribution: {error}.") from error

    def to_json(self) -> str:
        """JSON text."""
        return json_bytes(to_plain(self.to_dict())).decode()

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write JSON to ``path``.

        Raises:
            InputError: It is there already and ``overwrite`` is false.
        """
        write_whole(path, [msgspec.json.format(self.to_json().encode(), indent=2)], overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path, *, max_bytes: int | None = None) -> ContextAttribution:
        """Read a file of ours or of inseq's ``attribute-context``.

        Args:
            max_bytes: As `wherefrom.load` has it.

        Raises:
            FileFormatError: It is no JSON, not of this kind, or asks for more memory than it may.
            InputError: It is a folder.
        """
        data = content_of(path)
        Budget(len(data), max_bytes).spend(OBJECT_SIZE * len(data), f"The JSON of {str(path)!r}")
        try:
            return msgspec.convert(from_plain(msgspec.json.decode(without_mark(data))), cls)
        except NOT_JSON as error:
            raise FileFormatError(f"{str(path)!r} is no context attribution: {error}.") from error

    def render(self, name: str, **options: Any) -> Any:
        """Draw it: ``"text"``, ``"rich"`` or ``"html"``; ``public=True`` draws a copy without paths.

        Raises:
            MissingDependencyError: The package that draws is not installed.
            SettingsError: It takes no such option.
        """
        if name in ("text", "rich", "html") and name not in CONTEXT_RENDERERS:
            raise MissingDependencyError(
                f"Drawing a context attribution as {name!r} needs the package wherefrom-viz. Install it with: "
                "pip install wherefrom-viz"
            )
        without = options.pop("without", ())
        shown = self.public(without) if options.pop("public", False) or without else self
        draw = CONTEXT_RENDERERS.get(name)
        with options_known(options, f"Drawing a context as {name!r}"):
            return draw(shown, **options)

    def show(self, **options: Any) -> None:
        """Print it, as wide and colourful as the terminal."""
        sys.stdout.write(str(self.render("text", **options)))

    def to_text(self, **options: Any) -> str:
        """The console view without colour."""
        return str(self.render("text", **options))

    def to_html(self, **options: Any) -> str:
        """One self-contained page."""
        return str(self.render("html", **options))

    def save_html(self, path: str | Path, *, overwrite: bool = False, **options: Any) -> Path:
        """Write `to_html` to ``path`` and return it.

        Raises:
            InputError: The file is there and ``overwrite`` is false.
        """
        write_whole(path, [self.to_html(**options).encode()], overwrite=overwrite)
        return Path(path)


_BEGINNING = re.compile(rb'\s*\{\s*"(input_context|output_context|output_current|cti_scores|cci_scores)(_tokens)?"')


def is_context_file(path: str | Path) -> bool:
    """Does the file at ``path`` begin as a context attribution does, ours or inseq's?"""
    with file_named(path).open("rb") as file:
        return _BEGINNING.match(without_mark(file.read(200))) is not None
