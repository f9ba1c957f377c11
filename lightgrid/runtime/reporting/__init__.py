"""What people are told of a running app, and where they find it."""
