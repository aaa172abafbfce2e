"""The terminal: one file a group of verbs; each parses, calls one function and prints one table."""
