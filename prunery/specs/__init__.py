"""Wire types: what travels between API, worker, engine, client and report, in Pydantic.

errors    every error code, and the problem document it becomes (RFC 9457)
recipe    what a job shall do; presets.py holds the named ones
models    what is known of an uploaded model
datasets  what is known of an uploaded dataset, and how to read it
job       a job as the API shows it, and the spec.json that the engine is handed
events    the JSON lines that the engine answers with
report    report.json
"""
