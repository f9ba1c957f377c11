"""What users subclass and compose: components, and what the framework keeps of them.

What users hold, bottom up: `component` has the state rules, `component_type` how
components are made; `work_standing` is what can be read of a work, `work` what can be
done with one, `command_work` works that are no Python; `structures` are lists and dicts
of components, `flow` is what decides.

Each has a node, which is all that the framework keeps of it, by `node_of`: `variables`
(which there are, what changed), `node` (the place in the tree), and by kind `work_node`,
`flow_node`, `structure_node`. Nodes hold nodes, and `backend`, what a runtime offers to
components, speaks of nodes. At run time nodes import no components.

The parts of a work's node: `work_options`, `calls` (which are made anew; `call_key` says
when two are the same, `passes` which run asks), `status` (where a work stands), `ports`;
`calling` is what `run` does, by the process that it is called in. Of variables: `held`
the containers in the flow's process, `sharing` which of them are shared. Without a
backend components are plain objects.
"""
