"""Fit a law to rows: the question, the answer, and what is worth knowing before the answer is used."""
