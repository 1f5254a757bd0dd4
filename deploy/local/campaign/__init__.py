"""The campaign of Sa Đéc in May 2025: made from its published totals, replayed, counted and checked."""
