"""Graphs: read, edited, converted, checked. Only `files` touches a disk or a network."""
