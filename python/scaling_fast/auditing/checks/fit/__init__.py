"""Whether the reported point is the fit of these rows."""
