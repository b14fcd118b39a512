"""From an answer through its reasoning to the prompt, for outputs of any length: one forward and one backward pass per
hop, and no array of steps by steps."""

from wherefrom.tracing.asking import trace, trace_cost

__all__ = ["trace", "trace_cost"]
