"""The state of an app as plain values: no thread, no socket, no clock.

`values` says what a value is, `advice` what to do with what is none, `paths` how
people write a place, `delta` what a change is and how it is applied, `diff` finds
changes, `tree` is the state tree of a flow with its revisions, `deepdiff_form` is
the form people read.
"""
