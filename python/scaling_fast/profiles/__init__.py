"""The profile likelihood of a quantity: the law refitted with the quantity fixed at one value after another."""
