"""The one operation that scripts call by name; others are machinery."""

from wherefrom.inseq.attr.feat.ops.monotonic_path_builder import MonotonicPathBuilder as MonotonicPathBuilder
