"""Adapter of wherefrom for models that cannot be loaded: they run behind an OpenAI-compatible server.

`wherefrom_openai.adapter` is the entry point. The server must tokenise and give log-probabilities of tokens; whether it
gives those of the prompt, and how many per step, is found by asking.
"""
