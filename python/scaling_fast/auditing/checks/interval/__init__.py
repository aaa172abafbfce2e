"""Whether the reported interval follows from the rows."""
