# Works that talk to each other directly: each runs a small server, and gets from the flow its rank
# and the addresses of all. A sum goes once around the ring, and then the total does, so that in
# the end all know it. Distributed training meets in this way.
#
#     lightgrid flow examples/ring.py

import socket
import time

import lightgrid as L


class Node(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.total = None

    def run(self, rank, addresses):
        own = (rank + 1) ** 2
        following = addresses[(rank + 1) % len(addresses)]
        with (
            socket.create_server((self.host, self.port)) as server,
            connect(following) as out,
            server.accept()[0] as into,
        ):
            if rank == 0:
                send(out, own)
                self.total = receive(into)
                send(out, self.total)
                receive(into)  # it was everywhere
            else:
                send(out, receive(into) + own)
                self.total = receive(into)
                send(out, self.total)


def connect(address):
    while True:
        try:
            return socket.create_connection(address)
        except ConnectionRefusedError:  # it has not started yet
            time.sleep(0.01)


def send(connection, number):
    connection.sendall(f"{number}\n".encode())


def receive(connection):
    with connection.makefile() as lines:
        return int(lines.readline())


class Root(L.Flow):
    def __init__(self, size):
        super().__init__()
        self.nodes = L.List(*(Node() for _ in range(size)))

    def run(self):
        addresses = [(node.host, node.port) for node in self.nodes]
        for rank, node in enumerate(self.nodes):
            node.run(rank, addresses)
        if all(node.has_succeeded for node in self.nodes):
            print("all know the total:", [node.total for node in self.nodes])
            self.stop()


app = L.App(Root(size=3))
