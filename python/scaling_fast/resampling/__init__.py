"""Refit a law on resampled rows: schemes, replicates, intervals."""
