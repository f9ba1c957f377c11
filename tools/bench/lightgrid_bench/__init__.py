"""The bench: lightgrid measured side by side with what could stand in its place."""

# plan           how long and how often to measure
# figures        what a row of the bench is held to, and what was measured
# peers          talking to the processes that are measured
# clocks         CPU and memory of processes and threads
# hosts/         the processes: flows with their works, works that are played, the bare stream
# rows/          one module per row of the table: which processes, in which order, what ratio
# rivals/        programs of other systems, each for an environment of its own
# environments   making these environments
# machine        on what was measured
# report         the table on the terminal, JSON, Markdown
# command        the command line
