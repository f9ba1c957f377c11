"""What drives an app in the flow's process: its loop, and the processes of its works."""
