"""What checks look at: the reported point, the rows, refits and resamples."""
