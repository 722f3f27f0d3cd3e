"""A backend of WS-HUB: hub_listener.py <redis url> <prefix>.

It answers every client-new with the groups that `groups_of` says, publishes for groups, and prints what clients say.
"""

import sys
import threading

import redis
import statements

url, prefix = sys.argv[1:3]
connection = redis.Redis.from_url(url)

#: Groups by key, as a list with commas; a key that is not in it gets `all`, an empty list refuses the client.
groups_of = {}


def channel(name):
    return prefix + name


def answer_client(key):
    connection.publish(channel("groups-new:" + key), groups_of.get(key, "all"))


def publish(group, data):
    connection.publish(channel("group-data:" + group), data)


def listen(messages):
    for message in messages.listen():
        name = message["channel"].decode()[len(prefix) :]
        if message["type"] == "message":
            answer_client(message["data"].decode())
        elif message["type"] == "pmessage":
            sys.stdout.write(f"said {name.partition(':')[2]} {message['data']!r}\n")
            sys.stdout.flush()


pubsub = connection.pubsub()
pubsub.subscribe(channel("client-new"))
pubsub.psubscribe(channel("client-data:*"))
# Both confirmations are in: nothing is missed from now on.
pubsub.get_message(timeout=5)
pubsub.get_message(timeout=5)
threading.Thread(target=listen, args=(pubsub,), daemon=True).start()

statements.serve(globals())
