"""What users subclass and compose: components, and what the framework keeps of them.

`component` holds the state rules, `component_type` how components are made, `node`
the framework's side of a component (name, place, what changed), `held` the containers
in the flow's process, `sharing` which of them are shared, `flow` and `work` the two
kinds, `structures` lists and dicts of components, `status` where a work stands, `calls`
which of its calls are made anew, `call_key` when two calls are the same, `backend` what
a runtime offers to components. Without a backend components are plain objects.
"""
