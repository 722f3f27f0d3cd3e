"""The application: it registers what is to happen at a login."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self):
        from chat import signals  # noqa: F401, its receivers register themselves
