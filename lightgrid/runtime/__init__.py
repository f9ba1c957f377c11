"""What drives an app: the flow's loop and its works' launchers, and the process of a work.

Of the work's side, `work_process` is what a launcher starts and `work_spec` what it
is given; `app_file` loads the user's file, `interrupt` ends user code from outside;
`work_loop` is the thread that owns the network, in which `work_session` stays
registered, `work_collector` finds what changed and `work_pace` says how often to
look; `client` is the only module that knows gRPC.
"""
