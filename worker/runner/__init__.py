"""One job from claim to outcome. The engine is a child process; this side holds the lease.

claim       take a job or an upload, with a fencing token
heartbeat   keep it, and see what the owner asks
workspace   folders, inputs, finished levels, the newest checkpoint
supervise   the child: walls, events, polite and impolite ends
progress    what the engine says, written to the database
files       what the engine wrote, into storage
outcome     how the job ends
reap        work that was lost, files past their time
"""
