"""Settings of the project, the same under Django 3.2 and 5.2.

What differs from test to test (sessions, caches, Redis) comes from the environment, under Django's own names.
"""

import json
import os
from pathlib import Path

import django

ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
# `runserver` serves static files in this mode alone.
DEBUG = True
ROOT_URLCONF = "chat.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# `ws4redis` for its login signal and its script. Its own server stays out: it is not installed by the application
# alone, and it imports `django.utils.six`, which Django 3.0 took away. Its publisher runs under 3.2 and 5.2 as it is.
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "ws4redis",
    "chat.apps.ChatConfig",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

STATIC_URL = "/static/"
# jQuery, which ws4redis.js needs, comes with Django's admin.
STATICFILES_DIRS = [Path(django.__file__).parent / "contrib/admin/static"]

LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
# Three users whose passwords are known to all: a slow hash protects nothing.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

globals().update(json.loads(os.environ["PROJECT_SETTINGS"]))
