"""The addresses of the app ``today``."""

from __future__ import annotations

from django.urls import path

from saydo.web.today import views

urlpatterns = [
    path("", views.start, name="start"),
    path("today/", views.today, name="today"),
    path("today/calls/", views.calls, name="today_calls"),
]
