"""Adapter of wherefrom for transformers models.

`wherefrom_hf.adapter` is the entry point and loads torch and transformers; `wherefrom_hf.demo` knows the models that
ship with this package. Importing the package alone loads neither.
"""
