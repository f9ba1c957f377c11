"""The process of a work: what a launcher starts, and what `lightgrid work` is.

`work_process` makes the work and its calls in the main thread, by `calls`; `interrupt`
ends user code from outside. `loop` is the thread that owns the network, in which
`session` stays registered, `collector` finds what changed and `pace` says how often to
look.
"""
