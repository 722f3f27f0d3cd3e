"""A python-socketio server that lives on the same queue and listens: listener.py <redis url> <channel> sync|async.

It has no clients of its own: it acts on the clients of others, and prints what they acknowledge.
"""

import asyncio
import inspect
import sys
import threading

import socketio
import statements

url, channel, kind = sys.argv[1:4]


def heard(*args):
    # One write: handlers run in threads of their own.
    sys.stdout.write(f"heard {args!r}\n")


if kind == "sync":
    manager = socketio.RedisManager(url, channel=channel)
    server = socketio.Server(client_manager=manager, async_mode="threading")
    # A server starts to listen when its first client connects.
    manager.initialize()

    def call(method, *args, **kwargs):
        getattr(server, method)(*args, **kwargs)

    def is_listening():
        return manager.thread.is_alive()

else:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    async def start():
        manager = socketio.AsyncRedisManager(url, channel=channel)
        server = socketio.AsyncServer(client_manager=manager, async_mode="asgi")
        manager.initialize()
        return manager, server

    async def on_loop(method, args, kwargs):
        result = getattr(server, method)(*args, **kwargs)
        if inspect.isawaitable(result):
            await result

    manager, server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)

    def call(method, *args, **kwargs):
        asyncio.run_coroutine_threadsafe(on_loop(method, args, kwargs), loop).result(10)

    def is_listening():
        return not manager.thread.done()


statements.serve(globals())
