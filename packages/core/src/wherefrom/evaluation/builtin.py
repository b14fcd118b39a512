"""The metrics that this package brings; importing it registers them."""

from wherefrom.evaluation import (
    deletion_insertion,
    erasure,
    linear_datamodeling,
    log_odds,
    normalised_aopc,
    perturbation_curves,
    plausibility,
    selfcite_reward,
    sensitivity_n,
    shape,
    tau_leave_one_out,
    top_k_drop,
)
