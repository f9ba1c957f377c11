"""The protocol as plain objects: no thread, no socket, no clock.

`messages` are what travels. On the work's side `outbox` numbers batches and
knows what to send again. On the flow's side a `link` is the flow's end of one
work: its `session` and lease, the `intake` of batches, the `replica` of the
work's variables, and the `calls` made to it. Times are passed in, in seconds
of any one clock.
"""
