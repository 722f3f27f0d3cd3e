"""A backend that emits through python-socketio's Redis queue alone: manager.py <redis url> <channel>."""

import sys

import redis
import socketio
import statements

url, channel = sys.argv[1:3]
manager = socketio.RedisManager(url, channel=channel, write_only=True)
# For what a test publishes past the package: malformed and hostile payloads.
raw = redis.Redis.from_url(url)

statements.serve(globals())
