"""From text to question: examples, contrasts, explained positions, target functions. Knows no result."""
