"""Day two: what whoever runs the system asks and does, as commands of one program."""
