# The peer of websocket-channels, which ran on gevent-websocket: one greenlet reads a Redis channel and sends each
# message to all sockets, one greenlet per socket reads.
#   python gevent_websocket.py PORT REDIS_PORT CHANNEL
from gevent import monkey

monkey.patch_all()

import sys

import gevent
import redis
from gevent import pywsgi
from geventwebsocket.handler import WebSocketHandler

port, redis_port, channel = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
sockets = set()
subscription = redis.Redis(port=redis_port).pubsub(ignore_subscribe_messages=True)
subscription.subscribe(channel)


def relay():
    for message in subscription.listen():
        text = message["data"].decode()
        for socket in list(sockets):
            socket.send(text)


def application(environ, start_response):
    socket = environ["wsgi.websocket"]
    sockets.add(socket)
    try:
        while socket.receive() is not None:
            pass
    finally:
        sockets.discard(socket)
    return []


class Listener(pywsgi.WSGIServer):
    def init_socket(self):
        super().init_socket()
        print("ready", flush=True)


gevent.spawn(relay)
Listener(("127.0.0.1", port), application, backlog=4096, log=None, handler_class=WebSocketHandler).serve_forever()
