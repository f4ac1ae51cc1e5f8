"""The addresses of the app ``promises``."""

from __future__ import annotations

from django.urls import path

from saydo.web.promises import views

urlpatterns = [
    path("", views.promises, name="promises"),
    path("new/", views.edit, name="new_promise"),
    path("<path:name>/edit/", views.edit, name="edit_promise"),
    path("<path:name>/cost/", views.cost, name="promise_cost"),
    path("<path:name>/", views.promise, name="promise"),
]
