"""A small Django site beside Belfry: project.py [redis url] [port] [address of the gateway].

A page receives broadcasts, messages to its user and messages to its session. The views publish as any Python program does: one
line of redis-py each. Sessions are in the cache, which is in Redis, so that the gateway can read them.
"""

import sys
from pathlib import Path
from wsgiref.simple_server import make_server

import django
import redis
from django.conf import settings
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

redis_url = sys.argv[1] if len(sys.argv) > 1 else "redis://localhost:6379/0"
port = int(sys.argv[2]) if len(sys.argv) > 2 else 8001
gateway = sys.argv[3] if len(sys.argv) > 3 else "localhost:8000"
folder = Path(__file__).parent

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis_url}},
    # Its one user is made at the first login.
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="an example's alone: yours is secret",
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [folder]}],
)
django.setup()

# What follows needs a project that is set up.
from django.contrib.auth import login, logout  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.auth.signals import user_logged_in  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.dispatch import receiver  # noqa: E402
from django.views.decorators.http import require_POST  # noqa: E402

conn = redis.StrictRedis.from_url(redis_url)


@receiver(user_logged_in)
def remember_username(sender, request, user, **kwargs):
    """A session knows the primary key alone: the gateway finds the name here (WS4REDIS_USERNAME)."""
    request.session["ws4redis:username"] = user.get_username()


def show_page(request):
    if request.session.session_key is None:
        request.session.create()
    return render(request, "page.html", {"gateway": gateway, "user": request.user, "session": request.session})


def send_script(request):
    return FileResponse(open(folder / "page.js", "rb"), content_type="text/javascript")


@require_POST
def log_in(request):
    user, _ = User.objects.get_or_create(username="johndoe")
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("/")


@require_POST
def log_out(request):
    logout(request)
    return redirect("/")


@require_POST
def say_to_all(request):
    conn.publish("_broadcast_:foobar", "Hello World")
    return HttpResponse(status=204)


@require_POST
def say_to_user(request):
    conn.publish("johndoe:foobar", "Hello johndoe")
    return HttpResponse(status=204)


@require_POST
def say_to_session(request):
    conn.publish(f"{request.session.session_key}:foobar", "Hello session")
    return HttpResponse(status=204)


urlpatterns = [
    path("", show_page),
    path("page.js", send_script),
    path("login", log_in),
    path("logout", log_out),
    path("say/all", say_to_all),
    path("say/user", say_to_user),
    path("say/session", say_to_session),
]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    server = make_server("127.0.0.1", port, WSGIHandler())
    print(f"Open http://localhost:{server.server_port}/ (Ctrl-C ends it)", flush=True)
    server.serve_forever()
