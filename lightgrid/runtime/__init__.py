"""The flow's process: what its two threads share, what starts processes, its loop, what people see.

In a room each: `hub`, `launch`, `loop` and `reporting`.
"""
