"""What the exit status says.

====  ==========================================================
0     done
1     failed
2     the request or its configuration is wrong; nothing was run
3     finished, but some examples failed, or a method that is verified
4     a model or data set could not be loaded
5     a file is damaged, foreign or newer than we are
6     a sentence of the output has no support in the context
130   interrupted; a data-set run can be resumed
141   whoever read our output stopped reading
====  ==========================================================
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit status of the command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    SOME_FAILED = 3
    NOT_LOADED = 4
    BAD_FILE = 5
    UNSUPPORTED = 6
    INTERRUPTED = 130
    PIPE_CLOSED = 141
