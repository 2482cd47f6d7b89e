"""The nodes of the embedded server: one file per family."""
