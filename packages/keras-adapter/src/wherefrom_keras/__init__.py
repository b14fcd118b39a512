"""Adapter of wherefrom for causal models of KerasHub on its JAX backend.

`wherefrom_keras.adapter` is the entry point. A model is cut in two where its token embeddings come out, and again where
its last states do; both parts are pure functions of arrays, which JAX compiles and differentiates.
"""
