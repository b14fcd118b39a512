"""The demo models ``demo:lm`` and ``demo:mt``, and the words that we know decide their predictions.

Both were trained on text from a grammar whose dependencies are known, so that an attribution can be compared with the
truth. ``demo:smollm2`` and ``demo:gemma3`` are pretrained models that are fetched once; see
`wherefrom_hf.demo.pretrained`. Looking up a path or the gold cues imports neither torch nor transformers.

Example:
    >>> from wherefrom_hf.demo import demo_path, gold_cues
    >>> demo_path("lm").name
    'lm'
    >>> example = gold_cues("lm")[0]
    >>> [example.source[cue.start : cue.stop] for cue in example.cues]
    ['children']
"""

from wherefrom_hf.demo._fetched import PRETRAINED, NotFetchedError, is_fetched
from wherefrom_hf.demo._gold import CueSpan, GoldCue, gold_cues
from wherefrom_hf.demo._paths import DEMO_MODELS, UnknownDemoModelError, demo_path

__all__ = [
    "DEMO_MODELS",
    "PRETRAINED",
    "CueSpan",
    "GoldCue",
    "NotFetchedError",
    "UnknownDemoModelError",
    "demo_path",
    "gold_cues",
    "is_fetched",
]
