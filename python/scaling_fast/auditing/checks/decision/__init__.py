"""Whether the decision follows from the printed numbers."""
