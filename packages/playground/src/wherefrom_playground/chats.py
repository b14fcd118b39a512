"""A chat written as text: a line that begins with a role begins a message."""

from __future__ import annotations

import re

from wherefrom.errors import InputError

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_ROLE = re.compile(r"^(system|user|assistant)\s*:\s?", re.IGNORECASE)


def messages_in(text: str) -> list[dict[str, str]]:
    """The messages of a chat; lines without a role belong to the message before them.

    Raises:
        InputError: There is no message, or text stands before the first one.
    """
    messages: list[dict[str, str]] = []
    for line in _LINE_ENDS.split(text.strip()):
        found = _ROLE.match(line)
        if found:
            messages.append({"role": found.group(1).lower(), "content": line[found.end() :]})
        elif messages:
            messages[-1]["content"] += "\n" + line
        elif line.strip():
            raise InputError(f"A chat begins with `user:` or `system:`; this one begins with {line[:40]!r}.")
    if not messages:
        raise InputError("The chat is empty. Write `user: your question`.")
    return messages


def asked(text: str, kind: str) -> str | list[dict[str, str]]:
    """The input as a model takes it: the text, or the messages of a chat.

    Raises:
        InputError: It is empty, or no chat.
    """
    if not text.strip():
        raise InputError("The input is empty. Write a text.")
    return messages_in(text) if kind == "chat" else text
