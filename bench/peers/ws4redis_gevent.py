# The peer of ws4redis: django-websocket-redis 0.6.0 itself. Its server class is driven by gevent, as in production, with
# gevent-websocket in the place of uWSGI's own websockets, which needs no build of uWSGI, and poll() in the place of
# select(), which ends at 1,024 files: at 500 websockets, as each has a connection to Redis.
#   python ws4redis_gevent.py PORT REDIS_PORT
from gevent import monkey

monkey.patch_all()

import sys

import gevent.select
from django.conf import settings
from gevent import pywsgi
from geventwebsocket.handler import WebSocketHandler

port, redis_port = map(int, sys.argv[1:])
settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["ws4redis"],
    WEBSOCKET_URL="/ws/",
    WS4REDIS_CONNECTION={"host": "127.0.0.1", "port": redis_port},
)

from ws4redis.wsgi_server import WebsocketWSGIServer


class Websocket:
    """A websocket of gevent-websocket with the methods that the server class calls."""

    def __init__(self, websocket):
        self._websocket = websocket

    @property
    def closed(self):
        return self._websocket.closed

    def get_file_descriptor(self):
        return self._websocket.handler.socket.fileno()

    def receive(self):
        return self._websocket.receive()

    def flush(self):
        pass

    def send(self, message, binary=None):
        self._websocket.send(message.decode())

    def close(self, code=1000, message=""):
        self._websocket.close(code, message)


class Server(WebsocketWSGIServer):
    def upgrade_websocket(self, environ, start_response):
        return Websocket(environ["wsgi.websocket"])

    def select(self, rlist, wlist, xlist, timeout=None):
        poll = gevent.select.poll()
        for fd in rlist:
            poll.register(fd, gevent.select.POLLIN)
        return [fd for fd, _ in poll.poll(timeout * 1000)], [], []


class Listener(pywsgi.WSGIServer):
    def init_socket(self):
        super().init_socket()
        print("ready", flush=True)


Listener(("127.0.0.1", port), Server(), backlog=4096, log=None, handler_class=WebSocketHandler).serve_forever()
