"""Questions to whoever sits at the terminal."""

from __future__ import annotations

from attrs import frozen
from wherefrom.errors import UsageError

from wherefrom_cli.talk import Talk


@frozen(kw_only=True)
class TerminalAsks:
    """Asks on stderr and reads from stdin."""

    talk: Talk

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
        self.talk.stderr.write(question + "\n> ")
        self.talk.stderr.flush()
        line = self.talk.stdin.readline()
        if not line:
            raise UsageError("The input ended before the question was answered.\nGive the text as an option.")
        return line.rstrip("\n")


def somebody(talk: Talk) -> TerminalAsks | None:
    """Whom to ask; None if nobody is there or asking is forbidden."""
    if talk.no_input or talk.stdin is None or talk.stdin.closed or not talk.stdin.isatty():
        return None
    return TerminalAsks(talk=talk)
