"""Forms: widgets for the inputs of a workflow."""
