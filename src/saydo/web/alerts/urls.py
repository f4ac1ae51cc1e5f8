"""The addresses of the app ``alerts``."""

from __future__ import annotations

from django.urls import path

from saydo.web.alerts import views

urlpatterns = [
    path("", views.alerts, name="alerts"),
    path("seen/", views.see_alarms, name="see_alarms"),
    path("digest/", views.choose_digest, name="choose_digest"),
    path("<uuid:key>/end/", views.end_alert, name="end_alert"),
]
