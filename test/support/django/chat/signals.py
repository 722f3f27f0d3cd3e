"""Puts the user's name into the session: by itself, a session knows the primary key alone (DJS-09)."""

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver


@receiver(user_logged_in)
def remember_username(sender, request, user, **kwargs):
    request.session["ws4redis:username"] = user.get_username()
