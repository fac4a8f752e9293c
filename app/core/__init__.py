"""What app and worker share: settings, the database, storage, the broker. Knows no FastAPI.

settings  one frozen object, from PRUNERY_* in the environment
clock ids time and names, each from one place
database  tables  states  events    rows, and how a job may move between them
storage   bytes, in a folder or in S3
watch     waiting for rows to change, one query for all who wait
broker    wake-ups for the workers; Celery is imported when the first one is sent
"""
