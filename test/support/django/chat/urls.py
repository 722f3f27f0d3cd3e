"""Where the views are."""

from django.contrib.auth.views import LoginView
from django.urls import path

from chat import views

urlpatterns = [
    path("", views.show_chat),
    path("login/", LoginView.as_view()),
    path("whoami", views.who_am_i),
    path("visit", views.visit),
    path("publish", views.publish),
    path("identify", views.identify),
]
