"""The backend of the time example in Python: what a Flask application, or any other program, has to do."""

import sys
import time

from flask_socketio import SocketIO

redis_url = sys.argv[1] if len(sys.argv) > 1 else "redis://localhost:6379/0"
socketio = SocketIO(message_queue=redis_url)

while True:
    socketio.emit("update", {"time": int(time.time())}, room="time")
    time.sleep(1)
