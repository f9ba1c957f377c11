"""The launcher process: the parent of the works on this machine, in three roles.

The **launcher** starts, stops and reaps processes; the **fork server** is its child and forks
works that run this interpreter; the **sentinel** ends all works when the launcher is gone.
None of them has a thread or a gRPC object, and the launcher and the sentinel import nothing but
this package. All three begin as one process and are forked from it, so that they share its
memory, and are so by returning to `__main__`, not on top of one another.

What is imported here is in all of them, and has to be read before the first work starts. So there
are no dataclasses, which bring `inspect`: 10 ms, and half a megabyte in each process.
"""
