-- One database a service; each service migrates its own.
CREATE DATABASE registry;
CREATE DATABASE visits;
CREATE DATABASE metrics;
