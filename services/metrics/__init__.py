"""Metrics: facts folded into cells of exact sets, and the numbers that are asked of them."""
