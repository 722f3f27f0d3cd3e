"""A backend that emits through Flask-SocketIO's message queue: flask_emitter.py <redis url>."""

import sys

import statements
from flask_socketio import SocketIO

socketio = SocketIO(message_queue=sys.argv[1])

statements.serve(globals())
