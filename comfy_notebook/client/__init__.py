"""Talking to a server: two dialects, one client."""
