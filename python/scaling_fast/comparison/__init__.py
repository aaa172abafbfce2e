"""Rival laws on the same rows: which are supported, and how far apart their forecasts lie."""
