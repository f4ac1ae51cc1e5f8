"""The addresses of the app ``hooks``."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
