"""The Python clients, against a real server on loopback."""
