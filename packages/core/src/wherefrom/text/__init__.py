"""Tokens, words, sentences, spans and alignment. Everything else of core stands on this."""
