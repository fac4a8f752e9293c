"""One job from claim to outcome. The engine is a child process; this side holds the lease.

claim       take a job or an upload, with a fencing token
heartbeat   keep it, and see what the owner asks
workspace   folders: what the engine may read, what it may write
inputs      spec.json, uploads, finished levels, the newest checkpoint
supervise   the child: walls, events, polite and impolite ends
progress    what the engine says, written to the database
files       what the engine wrote, into storage
deliver     the final files, the report, everything in one archive
outcome     how the job ends
jobs checks from wake-up to outcome
reap        work that was lost; republish: messages that were; retention: files past their time
presence    that this worker lives, and inside which walls
"""
