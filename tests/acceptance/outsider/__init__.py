"""An outsider's rules for a job's files: plain Keras, NumPy and the standard library, nothing ours.

keys      how a variable is named
configs   which differences of configuration are sizes
tensors   sub-tensors bit for bit, zeros, optimizer slots
outputs   equal outputs in float64
files     certificate, ticket, report, manifest
"""
