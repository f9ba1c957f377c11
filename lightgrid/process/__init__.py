"""What the process of a flow and that of a work have in common.

`app_file` loads the user's file in either, `work_spec` and `told_environment` are what the
one tells the other, and `wakeup` wakes a thread.
"""
