"""A process that speaks the engine's protocol without training anything: for faults on order.

It runs inside the real sandbox, under the real supervisor. What the engine itself does is tested
with the engine.
"""
