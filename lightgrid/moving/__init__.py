"""What programs of the removed framework say and nothing comes of here: taken, and told once.

`notices` tells it, `cloud` has the descriptions of machines in a cloud. What became of every
name is in docs/moving-from-lightning.md.
"""
