"""The world of the bench: a province's year of field work from a seed, and databases that have counted it."""
