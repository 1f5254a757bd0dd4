"""A reform of the map: what a decree orders, whether it can be, and what it makes of the units."""
