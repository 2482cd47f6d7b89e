"""Clients that others wrote, run on the embedded server: `python -m tests.peers`. Not part of CI."""
