"""What can put documents beside a chat, where the model was trained to find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from wherefrom.adapters.encoding import Encoding


@runtime_checkable
class PlacesDocuments(Protocol):
    """Can put documents beside a chat, by the chat template's own rule."""

    def encode_with_documents(
        self, chat: Sequence[Mapping[str, str]], documents: Sequence[Mapping[str, str]]
    ) -> Encoding:
        """A chat and documents as the model reads them, decoder-only.

        Args:
            chat: Messages, each with ``role`` and ``content``.
            documents: Each with ``text`` and ``title`` (possibly empty). None: the chat alone.

        Returns:
            The encoding; each document that the template writes is a segment of the kind ``"document"``, in the order
            of the text.
        """
        ...
