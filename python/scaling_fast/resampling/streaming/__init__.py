"""Intervals of more replicates than memory holds."""
