"""Questions to whoever sits at the terminal."""

from __future__ import annotations

from attrs import frozen
from wherefrom.errors import UsageError

from wherefrom_cli.console import Console, printable


@frozen(kw_only=True)
class TerminalAsks:
    """Asks on stderr and reads from stdin."""

    console: Console

    def confirm(self, question: str) -> bool:
        """Yes or no; the empty answer is yes."""
        while True:
            answer = self.answer(f"{question} [Y/n]").strip().lower()
            if answer in ("", "y", "yes"):
                return True
            if answer in ("n", "no"):
                return False

    def answer(self, question: str) -> str:
        """A line of text, without the end of the line.

        Raises:
            UsageError: The input ended.
        """
        self.console.stderr.write(printable(question) + "\n> ")
        self.console.stderr.flush()
        line = self.console.stdin.readline()
        if not line:
            raise UsageError("The input ended before the question was answered.\nGive the text as an option.")
        return line.rstrip("\n")


def somebody(console: Console) -> TerminalAsks | None:
    """Whom to ask; None if nobody is there or asking is forbidden."""
    if console.no_input or console.stdin is None or console.stdin.closed or not console.stdin.isatty():
        return None
    return TerminalAsks(console=console)
