"""The pure library: model and data in; ticket, masked model, compact model, certificate out.

job > lottery > (training, pruning, compaction) > graph > masks, and imports run only down.
"""
