"""What happens in the flow's thread: its loop, and all that the loop decides."""
