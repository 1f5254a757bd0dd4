"""The networks of three provinces, as large as the press counted them, brought in by the public API."""
