"""What this adapter gives, for lists that do not want to load JAX."""

GIVES = (
    "SequenceModel",
    "PredictsSteps",
    "HidesPositions",
    "Embeds",
    "GivesGradients",
    "GivesLayers",
    "FindsBadWeights",
    "RandomisesWeights",
    "WrapsFramework",
)
"""Names of the Protocols of `wherefrom.adapters` that `wherefrom_keras.adapter.KerasModel` satisfies."""
