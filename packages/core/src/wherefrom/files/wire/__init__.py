"""The schema of files: what is written for tokens, arrays, attributions and provenance, and how it is read.

It knows attributions by type only and gives back their fields, so that `wherefrom.results.attribution` can save and
load without an import running in a circle. Everything read here is untrusted: sizes are checked before they are
allocated, types before they are used, and names are text.
"""
