"""The gateway: the one public door. It verifies, counts bytes, forwards, and keeps nothing."""
