"""The metrics that this package brings; importing it registers them."""

from wherefrom.evaluation import (
    deletion_insertion,
    erasure,
    infidelity,
    linear_datamodeling,
    log_odds,
    max_sensitivity,
    normalised_aopc,
    parameter_randomisation,
    perturbation_curves,
    plausibility,
    selfcite_reward,
    sensitivity_n,
    shape,
    soft_erasure,
    tau_leave_one_out,
    top_k_drop,
)
