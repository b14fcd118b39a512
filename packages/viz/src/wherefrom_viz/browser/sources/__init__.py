"""Where examples come from: files held in memory, files of lines, folders of runs, and several of these together."""

from wherefrom_viz.browser.sources.base import Source
from wherefrom_viz.browser.sources.library import Library
from wherefrom_viz.browser.sources.opening import open_source

__all__ = ["Library", "Source", "open_source"]
