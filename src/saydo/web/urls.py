"""Every address of the application."""

from __future__ import annotations

from django.urls import include, path
from django.views.generic import RedirectView

from saydo.web import privacy_views
from saydo.web.health import health
from saydo.web.rights import open_to_all

urlpatterns = [
    path("", include("saydo.web.today.urls")),
    path("customers/<path:key>/export/", privacy_views.export, name="person_export"),
    path("customers/<path:key>/erase/", privacy_views.erase, name="person_erase"),
    path("", include("saydo.web.desk.urls")),
    path("figures/", include("saydo.web.insight.urls")),
    path("promises/", include("saydo.web.promises.urls")),
    path("alerts/", include("saydo.web.alerts.urls")),
    path("load/", include("saydo.web.loads.urls")),
    path("hooks/", include("saydo.web.hooks.urls")),
    path("api/v1/", include("saydo.web.api")),
    path("colleagues/", include("saydo.web.accounts.urls")),
    path("account/email/", open_to_all(RedirectView.as_view(pattern_name="me"))),  # an address is the administrators'
    path("account/", include("allauth.urls")),
    path("health/", health, name="health"),
]
