"""Step functions: scalars of a model's prediction at each step. One file each."""
