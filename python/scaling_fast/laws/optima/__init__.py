"""The best split of a cost between the two inputs of a law, and what it costs to reach a loss."""
