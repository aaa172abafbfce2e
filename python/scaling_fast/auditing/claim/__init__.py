"""Claim files: what a paper says, as it prints it."""
