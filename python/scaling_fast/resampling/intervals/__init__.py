"""Confidence intervals from replicates."""
