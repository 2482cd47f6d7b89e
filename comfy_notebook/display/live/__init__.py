"""Live views of jobs: one, many, in a blocked cell or in the background."""
