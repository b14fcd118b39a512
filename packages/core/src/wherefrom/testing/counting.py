"""The meter by its former path."""

from wherefrom.adapters.views import Tally, counting, only

__all__ = ["Tally", "counting", "only"]
