"""Replicates computed by threads, processes and clusters, and written to disk as they end."""
