"""Whether the paper says what a reader needs to repeat it."""
