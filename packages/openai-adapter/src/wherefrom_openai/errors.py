"""What can go wrong with a server."""

from __future__ import annotations

from wherefrom.errors import ModelGoneError, UsageError, WherefromError


class ServerError(WherefromError):
    """The server did not answer, or answered something that cannot be true."""


class UnexpectedReplyError(ServerError):
    """The server answered in a form that is not known."""


class SilentServerError(ServerError, ModelGoneError):
    """The server gave no answer through all attempts."""


class BudgetError(UsageError):
    """The work would cost more than the budget allows; nothing of it was sent."""
