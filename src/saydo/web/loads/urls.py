"""The addresses of the app ``loads``."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
