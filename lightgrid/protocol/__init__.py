"""The protocol as plain objects: no thread, no socket, no clock.

`messages` are what travels. On the work's side a `membership` stays registered, and
an `outbox` numbers batches and knows what to send again. On the flow's side the
`exchange` serves all works, each by a `link`: who holds it and until when, the
`intake` of batches, the `replica` of the work's variables, and the `calls` made to
it. Times are passed in, in seconds of any one clock.
"""
