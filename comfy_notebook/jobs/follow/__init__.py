"""Following a job: when to ask for its record, gathering its outputs, and the verdict."""
