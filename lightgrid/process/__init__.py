"""What the process of a flow and that of a work have in common.

`app_file` loads the user's file in either, `work_spec` is what the one hands to the
other, and `wakeup` wakes a thread.
"""
