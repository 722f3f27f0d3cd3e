"""What a project with django-websocket-redis has: a page, a view that publishes, and Belfry's auth callback."""

import json

from django.conf import settings
from django.http import HttpResponse, HttpResponseForbidden, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from ws4redis.publisher import RedisPublisher
from ws4redis.redis_store import SELF, RedisMessage


def show_chat(request):
    """A page that listens with the package's own script; its query says to what, and at which gateway."""
    query = request.GET
    options = {
        "uri": f"ws://{query['gateway']}/ws/{query['facility']}?{query['channels']}",
        "heartbeat_msg": getattr(settings, "WS4REDIS_HEARTBEAT", None),
    }
    return render(request, "chat.html", {"options": options})


def who_am_i(request):
    user = request.user
    return JsonResponse({"id": user.pk, "user": user.get_username(), "session": request.session.session_key})


def visit(request):
    """Begins the session of somebody who has not logged in."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse()


@csrf_exempt
def publish(request):
    """Publishes to the audiences of a JSON body; in its lists, "SELF" means whoever asks."""
    asked = json.loads(request.body)
    publisher = RedisPublisher(
        request=request,
        facility=asked["facility"],
        broadcast=asked.get("broadcast", False),
        users=name_all(asked.get("users", [])),
        groups=name_all(asked.get("groups", [])),
        sessions=name_all(asked.get("sessions", [])),
    )
    publisher.publish_message(RedisMessage(asked["message"]), asked.get("expire"))
    return HttpResponse()


def name_all(names):
    return [SELF if name == "SELF" else name for name in names]


@csrf_exempt
def identify(request):
    """Says who a visitor is (DJS-10). A facility that begins with `staff` is for staff, `quiet` for broadcasts alone."""
    asked = json.loads(request.body)
    facility, channels = asked["facility"], asked["channels"]
    user = request.user
    groups = list(user.groups.values_list("name", flat=True))
    if facility.startswith("staff") and "staff" not in groups:
        return HttpResponseForbidden()
    if facility.startswith("quiet"):
        channels = [name for name in channels if name.endswith("-broadcast")]
    if not user.is_authenticated:
        return JsonResponse({"channels": channels})
    session = request.session.session_key
    return JsonResponse({"user": user.get_username(), "groups": groups, "session": session, "channels": channels})
