"""What can go wrong, as one tree.

::

    WherefromError
    ├── UsageError                 the caller asked for something that cannot be (exit code 2)
    │   ├── UnknownNameError       no method, step function, aggregator or framework of that name
    │   ├── UnknownAttributeError  an attribute that an object does not have
    │   ├── SettingsError          a setting that is unknown, of the wrong type or out of range
    │   ├── InputError             texts, targets or positions that do not fit together
    │   └── ModelCapabilityError   the method needs something this model cannot give
    ├── ShapeError                 arrays whose shapes disagree
    ├── ModelLoadError             a model or data set could not be loaded (exit code 4)
    ├── ModelGoneError             a model stopped answering: what is asked next would fail too
    ├── FileFormatError            a file that is damaged, foreign or newer than we are (exit code 5)
    └── MissingDependencyError     an optional package is not installed

Every message says what was expected, what came and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WherefromError(Exception):
    """Base of every error raised on purpose by this project."""


class UsageError(WherefromError):
    """The request itself is wrong; nothing was run."""


class UnknownNameError(UsageError, KeyError):
    """A name that no registry knows."""

    def __str__(self) -> str:
        return str(self.args[0])


class UnknownAttributeError(UsageError, AttributeError):
    """An attribute that the object does not have, asked for or set."""


class SettingsError(UsageError, TypeError):
    """A setting is unknown, of the wrong type or out of range."""


class InputError(UsageError, ValueError):
    """Texts, targets or positions do not fit together."""


class ModelCapabilityError(UsageError):
    """The method needs a capability that the model's adapter lacks."""


class ShapeError(WherefromError, ValueError):
    """Two arrays, or an array and its tokens, disagree in shape."""


class ModelLoadError(WherefromError):
    """A model, tokenizer or data set could not be loaded."""


class ModelGoneError(WherefromError):
    """A model that was there stopped answering; the question is not at fault, and the next one would fail too."""


class FileFormatError(WherefromError, ValueError):
    """A file is damaged, of a foreign format, or written by a newer major version."""


class MissingDependencyError(WherefromError, ImportError):
    """An optional package is needed; the message has the line that installs it."""


class WherefromWarning(UserWarning):
    """Something worth knowing that does not stop the work."""


_SHORT = 4
"""Letters up to which most words have something in common by chance."""
_ALIKE, _ALIKE_SHORT = 0.65, 0.75
"""Share of letters that two names have in common, in order, before one is taken for a slip of the other."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that suggests the known name closest to ``name``, or an empty string.

    Example:
        >>> nearest("salience", ["saliency", "occlusion"])
        " Did you mean 'saliency'?"
        >>> nearest("nope", ["entropy", "probability"])
        ''
    """
    known = [one for one in known if one]
    close = difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE if len(name) > _SHORT else _ALIKE_SHORT)
    if not close:  # a part of a name: top_k, of top_k_drop
        close = [one for one in known if len(name) > _SHORT and name in one][:1]
    return f" Did you mean {close[0]!r}?" if close else ""
