"""The addresses of the app ``accounts``."""

from __future__ import annotations

from django.urls import path

from saydo.web.accounts import views

urlpatterns = [
    path("", views.colleagues, name="colleagues"),
    path("invite/", views.invite, name="invite"),
    path("me/", views.me, name="me"),
    path("me/sessions/", views.leave_elsewhere, name="leave_elsewhere"),
    path("language/", views.set_language, name="set_language"),
    path("company/", views.company, name="company"),
    path("keys/", views.keys, name="keys"),
    path("keys/<str:public>/revoke/", views.revoke, name="revoke_key"),
    path("trail/", views.trail, name="trail"),
    path("trail/export/", views.export_trail, name="export_trail"),
    path("<uuid:user>/", views.colleague, name="colleague"),
]
