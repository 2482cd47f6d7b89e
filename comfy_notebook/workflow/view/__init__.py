"""Workflows and nodes as text, tables and drawings."""
