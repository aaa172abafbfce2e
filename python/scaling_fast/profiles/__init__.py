"""The profile likelihood of a quantity: the law refitted with the quantity held at one value after another."""
