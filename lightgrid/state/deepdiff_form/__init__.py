"""Deltas in DeepDiff's form, which is the language people and programs know.

    {"values_changed": {"root['works']['w']['vars']['counter']": {"new_value": 425}}}

Such a mapping has no order: DeepDiff applies changed values first, at the
indexes of before; then removals of list items, from the end; then added items,
in ascending order; then keys of dicts, at the indexes of after. Ops do have an
order, so both directions try them on a draft, which holds what differs from the
base and leaves the base alone.

    conversion ▸ teller, reader ▸ draft ▸ revised
                 teller, reader ▸ reports ▸ deepdiff
"""

from lightgrid.state.deepdiff_form.conversion import Delta, from_deepdiff, to_deepdiff

__all__ = ["Delta", "from_deepdiff", "to_deepdiff"]
