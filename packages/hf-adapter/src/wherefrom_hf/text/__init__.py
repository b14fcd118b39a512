"""Between text and ids: tokenizer, chat template, special tokens, generation."""
