"""What the services say to each other and to the world: events, topics, HTTP bodies, frozen schemas, examples."""
