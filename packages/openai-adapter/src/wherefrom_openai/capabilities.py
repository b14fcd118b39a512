"""What this adapter gives, for lists that do not want to load it."""

GIVES = ("SequenceModel", "PredictsSteps", "Rehearses", "GivesFingerprint")
"""Names of the Protocols of `wherefrom.adapters` that `wherefrom_openai.adapter.ServedModel` satisfies."""
