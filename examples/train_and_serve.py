# One work trains a model, another serves it. The flow stands between them: for each checkpoint
# that appears it has the server load it, while the training goes on.
#
#     lightgrid flow examples/train_and_serve.py

import lightgrid as L


class Trainer(L.Work):
    """Fits y = weight * x to points of y = 3x."""

    def __init__(self):
        super().__init__(parallel=True)
        self.checkpoints = []  # a list keeps each of them; of a number the flow may miss some

    def run(self, epochs):
        points = [(x / 10, 3 * x / 10) for x in range(1, 11)]
        weight = 0.0
        for epoch in range(1, epochs + 1):
            for x, y in points:
                weight -= 0.2 * (weight * x - y) * x
            self.checkpoints.append({"epoch": epoch, "weight": weight})


class Server(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.answers = {}

    def run(self, checkpoint):
        """Load a checkpoint, and say what it makes of a question."""
        self.answers[f"epoch {checkpoint['epoch']}"] = round(checkpoint["weight"] * 7, 3)


class Root(L.Flow):
    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs
        self.trainer = Trainer()
        self.server = Server()

    def run(self):
        self.trainer.run(self.epochs)
        for checkpoint in self.trainer.checkpoints:
            self.server.run(checkpoint)  # a call that was made is not made again
        if self.server.num_successes == self.epochs:
            for epoch, answer in self.server.answers.items():
                print(f"{epoch}: 3 * 7 = {answer}")
            self.stop()


app = L.App(Root(epochs=6))
