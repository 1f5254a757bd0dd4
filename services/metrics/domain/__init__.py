"""The rules: what a fact, a cell and a number are; no IO."""
