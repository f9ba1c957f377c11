# A shop: one work is a web service, another one bakes, and the flow hands orders from the one to
# the other. The service is an ordinary one, of Starlette and uvicorn. When the app ends, uvicorn
# gets the signal as anywhere else: it answers what it has begun, then its work ends.
#
#     pip install starlette uvicorn
#     lightgrid flow examples/web_service.py
#     curl --data bread http://127.0.0.1:PORT/orders        (the flow prints the port)
#     curl http://127.0.0.1:PORT/orders/0

import asyncio
import time

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import lightgrid as L


class Shop(L.Work):
    def __init__(self):
        super().__init__(parallel=True, receive_updates=True, stop_grace_s=10)
        self.orders = []
        self.baked = {}  # the flow writes into it, while the service runs

    def run(self):
        async def order(request):
            thing = (await request.body()).decode()
            print(f"an order of {thing}")
            await asyncio.sleep(0.5)  # the bank takes its time
            self.orders.append(thing)
            return JSONResponse({"number": len(self.orders) - 1}, status_code=201)

        async def look(request):
            number = request.path_params["number"]
            return JSONResponse({"baked": self.baked.get(number, "not yet")})

        routes = [
            Route("/orders", order, methods=["POST"]),
            Route("/orders/{number}", look),
        ]
        uvicorn.run(Starlette(routes=routes), host=self.host, port=self.port, log_level="warning")


class Oven(L.Work):
    def __init__(self):
        super().__init__(parallel=True)

    def run(self, number, thing):
        time.sleep(0.2)
        return [number, f"one {thing}, still warm"]


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.shop = Shop()
        self.oven = Oven()
        self._is_told = False

    def run(self):
        self.shop.run()
        if self.shop.is_running and not self._is_told:
            self._is_told = True
            print(f"orders go to {self.shop.url}/orders")
        for number, thing in enumerate(self.shop.orders):
            self.oven.run(number, thing)  # a call that was made is not made again
        if self.oven.has_succeeded:
            number, thing = self.oven.status.result
            self.shop.baked[str(number)] = thing


app = L.App(Root())
