"""Jobs: their state, following them to their end, and their results."""
