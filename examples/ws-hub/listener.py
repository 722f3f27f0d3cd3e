"""A backend of WS-HUB: listener.py [redis url].

It tells the hub which groups a client is in, sends clients without an account away, says the time to the group `all`,
and passes on to `all` what clients say.
"""

import sys
import time

import redis

PREFIX = "ws-hub:"
#: Who may come, by key. Real keys are long and random: a program that knows one is that client.
GROUPS = {"123456": "1,2,all,news", "234567": "2,all"}

connection = redis.Redis.from_url(sys.argv[1] if len(sys.argv) > 1 else "redis://localhost:6379/0")


def answer(key):
    """No groups at all: the hub closes the connection."""
    connection.publish(f"{PREFIX}groups-new:{key}", GROUPS.get(key, ""))


def handle(message):
    name = message["channel"].decode().removeprefix(PREFIX)
    if name == "client-new":
        answer(message["data"].decode())
    elif name.startswith("client-data:"):
        connection.publish(f"{PREFIX}group-data:all", message["data"])


pubsub = connection.pubsub()
pubsub.subscribe(f"{PREFIX}client-new")
pubsub.psubscribe(f"{PREFIX}client-data:*")
confirmed = 0
next_time = time.monotonic()
while True:
    message = pubsub.get_message(timeout=max(0, next_time - time.monotonic()))
    if message and message["type"] in ("subscribe", "psubscribe"):
        confirmed += 1
        if confirmed == 2:
            print("Listening", flush=True)
    elif message:
        handle(message)
    if time.monotonic() >= next_time:
        connection.publish(f"{PREFIX}group-data:all", time.strftime("It is %H:%M:%S"))
        next_time = time.monotonic() + 1
