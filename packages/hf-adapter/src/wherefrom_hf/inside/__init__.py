"""What a pass computes on its way: attention, layers, sums of terms, multipliers. Stands on `running`."""
