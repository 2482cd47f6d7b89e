"""Live views of one job or several, in a blocking cell or in the background."""
