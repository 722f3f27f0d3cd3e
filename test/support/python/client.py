"""A python-socketio client: client.py <url> polling|websocket sync|async. It prints the events that it hears."""

import asyncio
import json
import sys
import threading

import socketio
import statements

url, transport, kind = sys.argv[1:4]


def shown(value):
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def heard(event, *args):
    # One write: handlers run in threads of their own.
    sys.stdout.write(f"heard {json.dumps([event, *map(shown, args)])}\n")


if kind == "sync":
    client = socketio.Client(reconnection=False)
    client.on("*", heard)
    client.on("disconnect", lambda *_: heard("(disconnect)"))
    client.connect(url, transports=[transport])

    def call(event, data):
        return client.call(event, data, timeout=10)

    def stop():
        client.disconnect()

else:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    def wait(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

    async def start():
        client = socketio.AsyncClient(reconnection=False)
        client.on("*", heard)
        client.on("disconnect", lambda *_: heard("(disconnect)"))
        await client.connect(url, transports=[transport])
        return client

    client = wait(start())

    def call(event, data):
        return wait(client.call(event, data, timeout=10))

    def stop():
        wait(client.disconnect())


statements.serve(globals())
