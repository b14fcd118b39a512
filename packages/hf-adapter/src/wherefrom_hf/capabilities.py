"""What this adapter gives, for lists that do not want to load torch."""

GIVES = (
    "SequenceModel",
    "PredictsSteps",
    "HidesPositions",
    "Embeds",
    "ReadsPadding",
    "GivesGradients",
    "GivesRescale",
    "FollowsGradientRules",
    "GivesAttention",
    "RollsAttentionGradients",
    "GivesLayers",
    "ZeroesValues",
    "DecomposesStates",
    "DecomposesHeads",
    "Moves",
    "Reserves",
    "FindsBadWeights",
    "GivesFingerprint",
    "RandomisesWeights",
    "WrapsFramework",
)
"""Names of the Protocols of `wherefrom.adapters` that `wherefrom_hf.HFModel` satisfies."""
