"""A small web server that ends properly: what it has begun to answer is answered before it goes."""
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    # Requests that are under way when the server closes are waited for.
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128


def serve(get, post=None):
    """get(path) and post(body) give back text. Any error of theirs is a 503: what they need is away."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self, make):
            try:
                status, text = 200, make()
            except Exception as error:  # whatever the client libraries throw
                status, text = 503, f"not now: {error}\n"
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.answer(lambda: "ok\n" if self.path == "/health" else get(self.path))

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self.answer(lambda: post(body) if post else "nothing to post here\n")

        def log_message(self, *_):
            pass

    server = Server(("", 80), Handler)
    # shutdown() waits for the loop, which this thread runs.
    stop = lambda *_: threading.Thread(target=server.shutdown).start()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
