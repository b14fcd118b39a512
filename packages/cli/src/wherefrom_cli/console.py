"""What is said on stderr, and how results are written to stdout.

stdout carries the result and nothing else. Notes, warnings and progress go to stderr; other libraries' chatter is kept
away from both (it goes to the log file, and to stderr with ``-vv``).
"""

from __future__ import annotations

import codecs
import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

from attrs import define, field
from wherefrom.errors import UsageError, WherefromWarning

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

_LOG = logging.getLogger("wherefrom.cli")

_ESCAPED = "wherefrom.escaped"
"""How characters are treated that a stream has no letters for."""


def _as_json_escapes(error: UnicodeError) -> tuple[str, int]:
    """``\\u00e9`` and the like: a text with them can be read, and a JSON document stays one."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    halves = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    escapes = (f"\\u{high:02x}{low:02x}" for high, low in zip(halves[::2], halves[1::2], strict=True))
    return "".join(escapes), error.end


codecs.register_error(_ESCAPED, _as_json_escapes)

_QUIET_LIBRARIES = {
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_VERBOSITY": "error",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "RAY_DEDUP_LOGS": "1",
}


@define(kw_only=True)
class Console:
    """What the command says and reads. Streams are fixed when it starts, so that nothing can slip into stdout later."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    quiet: bool = False
    verbosity: int = 0
    color: Literal["auto", "always", "never"] = "auto"
    no_input: bool = False
    warned: list[str] = field(factory=list)
    """Warnings given so far, each once."""
    _stdin_read: bool = field(default=False, init=False)

    @property
    def interactive(self) -> bool:
        """Is somebody watching stderr?"""
        return not self.quiet and self.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def note(self, message: str) -> None:
        """Something worth knowing; silent with ``--quiet``."""
        message = printable(message)
        _LOG.info(message)
        if not self.quiet:
            self.stderr.write(message + "\n")
            self.stderr.flush()

    def detail(self, message: str) -> None:
        """Something for those who asked with ``-v``."""
        message = printable(message)
        _LOG.debug(message)
        if self.verbosity >= 1:
            self.stderr.write(message + "\n")
            self.stderr.flush()

    def warn(self, message: str) -> None:
        """Something that does not stop the work but should not be missed; each once."""
        if message not in self.warned:
            self.warned.append(message)
            self.note(f"warning: {message}")

    def write(self, text: str) -> None:
        """Part of the result; what the stream has no letters for is escaped, as JSON has it."""
        encoding = self.stdout.encoding or "utf-8"
        self.stdout.write(text.encode(encoding, _ESCAPED).decode(encoding))

    def content(self, data: bytes) -> None:
        """The content of a file as the result: the same bytes as in the file, whatever the stream's encoding."""
        self.stdout.flush()
        self.stdout.buffer.write(data)

    def line(self, text: str = "") -> None:
        """A line of the result."""
        self.write(text + "\n")

    def rich_console(self) -> RichConsole:
        """A Rich console on stdout that obeys ``--color`` (and NO_COLOR, FORCE_COLOR, TERM, COLUMNS by itself)."""
        from wherefrom_viz.console import console_for

        from wherefrom_cli.piped import PipedConsole

        return console_for(self.color, self.stdout, kind=PipedConsole)

    def read_stdin(self) -> bytes:
        """All of standard input: the bytes, whatever the locale would make of them.

        Raises:
            UsageError: There is nobody to read from, or it was read before.
        """
        if self._stdin_read:
            raise UsageError(
                "Two options ask for standard input ('-'), which can be read once.\n"
                "Name a file for one of them: @file.txt"
            )
        if self.stdin is None or self.stdin.closed:
            raise UsageError(
                "'-' asks for standard input, but it is closed.\nPipe text in, or name a file: -i @file.txt"
            )
        if self.stdin.isatty():
            if self.no_input:
                raise UsageError("'-' asks for standard input, but it is a terminal and --no-input was given.")
            self.note("Reading texts from the terminal, one per line; end with Ctrl-D.")
        self._stdin_read = True
        return self.stdin.buffer.read() if isinstance(self.stdin, io.TextIOWrapper) else self.stdin.read().encode()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """While work goes on: prints of other libraries and warnings do not reach stdout."""
        aside = self.stderr if self.verbosity >= 2 else cast("TextIO", _Log())
        with (
            contextlib.redirect_stdout(aside),
            warnings.catch_warnings(),
        ):
            warnings.showwarning = self._warned  # type: ignore[assignment]  # its last parameters are optional
            warnings.simplefilter("always", WherefromWarning)
            yield

    def _warned(self, message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
        if issubclass(category, WherefromWarning):
            self.warn(str(message))
            return
        _LOG.debug("%s:%d: %s: %s", filename, lineno, category.__name__, message)


def printable(message: str) -> str:
    """A message of which nothing acts on a terminal: what it quotes of a file or a model may hold anything. Its lines
    stay lines."""
    lines = message.split("\n")
    if all(line.isprintable() for line in lines):
        return message
    from wherefrom_viz.describe.text_marks import visible

    return "\n".join(map(visible, lines))


class _Log(io.TextIOBase):
    """Prints of other libraries become debug messages."""

    def write(self, text: str) -> int:
        if text.strip():
            logging.getLogger("wherefrom.printed").debug(text.rstrip())
        return len(text)


def console_for(options: Any) -> Console:
    """The console that the options of a command ask for, with logging set up to match."""
    verbosity = 2 if options.very_verbose else int(bool(options.verbose))
    start_logging(verbosity, options.log_file)
    return Console(
        stdin=sys.stdin,
        stdout=sys.stdout,
        stderr=sys.stderr,
        quiet=options.quiet,
        verbosity=verbosity,
        color=options.color,
        no_input=options.no_input,
    )


def start_logging(verbosity: int, log_file: str | None) -> None:
    """Quieten the libraries below us and send log records where the options say.

    Raises:
        UsageError: The log file cannot be written.
    """
    for name, value in _QUIET_LIBRARIES.items():
        os.environ.setdefault(name, value)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if getattr(handler, "of_wherefrom", False)]:
        root.removeHandler(handler)
        handler.close()
    handlers: list[logging.Handler] = [logging.NullHandler()]
    if verbosity >= 2:
        loud = logging.StreamHandler(sys.stderr)
        loud.addFilter(lambda record: record.name != "wherefrom.cli")
        handlers.append(loud)
    if log_file:
        try:
            handlers.append(logging.FileHandler(log_file, encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"Cannot write the log file {log_file!r}: {error.strerror}.") from error
        handlers[-1].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for handler in handlers:
        handler.of_wherefrom = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    if log_file or verbosity >= 2:
        logging.getLogger("wherefrom").setLevel(logging.DEBUG)
        root.setLevel(min(root.level, logging.INFO))
