"""Every address of the application."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("saydo.web.desk.urls")),
    path("figures/", include("saydo.web.insight.urls")),
    path("promises/", include("saydo.web.promises.urls")),
    path("load/", include("saydo.web.loads.urls")),
    path("hooks/", include("saydo.web.hooks.urls")),
    path("colleagues/", include("saydo.web.accounts.urls")),
    path("account/", include("allauth.urls")),
]
