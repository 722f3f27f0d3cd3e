"""Carries out the statements that a test sends, one JSON object a line, in the caller's name space.

Every program of this folder ends with `statements.serve(globals())`.
"""

import json
import sys
import traceback


def serve(names):
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        names["answer"] = None
        try:
            exec(request["statements"], names)
            verdict, value = "ok", names["answer"]
        except Exception:
            verdict, value = "raised", traceback.format_exc()
        sys.stdout.write(f"answer {request['id']} {verdict} {json.dumps(value)}\n")
