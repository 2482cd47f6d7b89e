"""Following a job to its end, on the background loop. Read in this order:

`backlog` (every event, kept) → `gathering` (its outputs, downloaded) → `pace` (when to ask the server) →
`record` (asking until the record is final) → `verdict` (the error it ended with) → `follower` (all of it).
"""
