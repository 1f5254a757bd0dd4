"""Shared libraries: `common` is mechanism, `contracts` is what crosses a boundary."""
