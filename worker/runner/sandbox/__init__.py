"""The walls around an engine: standard library only, so that they stand before anything is loaded.

policy    what an engine may read, write and use, as JSON
limits    rlimits, capabilities, no new privileges, death with the parent
landlock  files and TCP
seccomp   system calls
enter     `python -m worker.runner.sandbox.enter POLICY MODULE ARGS...`: raise the walls, then run
probe     which walls stand on this machine; rehearsal.py is the child that tries them

Each wall alone has holes (Landlock leaves UDP and chmod open, seccomp sees no paths); together they
leave an engine its workspace, its threads and the pipe to its runner.
"""
