"""The processes that are measured; each is told what to do over a socket."""
