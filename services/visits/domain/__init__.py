"""The rules of taking in a record: who and where, when, what, and whose identity is not kept."""
