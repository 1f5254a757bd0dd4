"""The rules of the registry: values, and how they are read from reference files; no IO."""
