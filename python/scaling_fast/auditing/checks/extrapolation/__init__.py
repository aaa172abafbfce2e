"""How far the rows reach."""
