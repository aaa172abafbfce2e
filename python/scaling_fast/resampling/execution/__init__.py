"""Replicates computed by threads, processes and clusters, and kept on disk as they end."""
