"""The network: teams and members over time, and what they come to on a day."""
