"""A page in the web browser that asks a model where its tokens come from."""

from wherefrom_playground.app import build, serve
from wherefrom_playground.keeping import Keeper
from wherefrom_playground.limits import Limits

__all__ = ["Keeper", "Limits", "build", "serve"]
