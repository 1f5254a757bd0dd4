"""Field visits and partner reports: taken in, freed of identities, kept as a log of revisions, relayed."""
