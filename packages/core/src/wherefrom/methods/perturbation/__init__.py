"""What perturbation methods share: units, ways to remove them, the ablation table and its surrogates."""
