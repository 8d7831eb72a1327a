"""A shop with three things to buy and one basket, kept in memory."""

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PRICES = {"apple": 30, "bread": 250, "tea": 420}
basket: list[str] = []


class Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(HTTPStatus.OK, {"ready": True})
        elif self.path == "/prices":
            self.answer(HTTPStatus.OK, PRICES)
        elif self.path == "/basket":
            self.answer(HTTPStatus.OK, {"things": basket, "cents": sum(PRICES[thing] for thing in basket)})
        else:
            self.answer(HTTPStatus.NOT_FOUND, {"error": f"nothing at {self.path}"})

    def do_POST(self) -> None:
        thing = self.path.removeprefix("/basket/")
        if thing not in PRICES:
            self.answer(HTTPStatus.NOT_FOUND, {"error": f"no {thing} here"})
            return
        basket.append(thing)
        self.answer(HTTPStatus.CREATED, {"things": basket})

    def do_DELETE(self) -> None:
        basket.clear()
        self.answer(HTTPStatus.OK, {"things": basket})

    def answer(self, status: HTTPStatus, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Shop).serve_forever()
