"""`make faults`: what dies, and what must not be lost by it."""
