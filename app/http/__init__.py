"""What every route shares: problem documents, limits, headers and pages of lists.

problems    every non-2xx answer is application/problem+json
boundary    request id, access log, metrics and the last catch around a request
bodies      how large a body may be, how slow it may come, what is done with one nobody reads
origins     Host and Origin: no other site's page may speak to this server
headers     security headers of pages, JSON and files
pagination  ?limit=&after= and {items, next}
etags       ETag and If-None-Match
prefer      Prefer: wait=30
digests     Content-Digest and Repr-Digest (RFC 9530)
ranges      stored files with Range, Repr-Digest and a name
metrics     /metrics
"""
