"""A Django project around the code of docs/migrate/ws4redis.md: page_project.py <folder> <redis url>.

The folder holds that code as page_signals.py and page_views.py. /login/<name> logs somebody in who is in the group
`staff`. Prints the port that it serves.
"""

import sys
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

folder, redis_url = sys.argv[1:3]
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis_url}},
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/db.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="for the tests alone, and long enough for Django",
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
)
django.setup()

# What follows needs a project that is set up.
sys.path.insert(0, folder)
import page_signals  # noqa: E402, F401, its receiver registers itself
import page_views  # noqa: E402
from django.contrib.auth import login  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402


def log_in(request, name):
    user, _ = User.objects.get_or_create(username=name)
    user.groups.add(Group.objects.get_or_create(name="staff")[0])
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponse()


urlpatterns = [path("login/<name>", log_in), path("who-is-it", page_views.who_is_it)]

call_command("migrate", verbosity=0)
server = make_server("127.0.0.1", 0, WSGIHandler())
print(f"serving on port {server.server_port}", flush=True)
server.serve_forever()
