"""Passes of a model: encoder and decoder, padded, chunked, continued, differentiated. Knows nothing of methods."""
