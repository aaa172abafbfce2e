"""The verbs, one file for each or for several alike."""
