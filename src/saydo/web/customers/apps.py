"""The app ``customers``."""

from __future__ import annotations

from django.apps import AppConfig


class Customers(AppConfig):
    name = "saydo.web.customers"
    label = "customers"
