"""Streaming moments and order statistics: intervals of more replicates than memory holds."""
