"""Starting processes, seeing them end, and ending them when the flow is gone."""
