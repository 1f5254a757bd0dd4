"""The registry: the map in time, teams, the catalogue, partners, clients and their tokens."""
