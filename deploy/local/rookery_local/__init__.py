"""The whole platform on one machine: engines and services as plain processes on loopback."""
