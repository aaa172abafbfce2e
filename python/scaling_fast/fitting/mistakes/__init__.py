"""Typical mistakes in the rows of a fit, and what the rows cannot say: one file a topic."""
