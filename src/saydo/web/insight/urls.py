"""The addresses of the app ``insight``."""

from __future__ import annotations

from django.urls import path

from saydo.web.insight import saved, views

urlpatterns = [
    path("", views.figures, name="figures"),
    path("views/", saved.save, name="save_view"),
    path("views/<uuid:key>/", saved.change, name="change_view"),
    path("<slug:name>/", views.figure, name="figure"),
    path("<slug:name>/file/<slug:form>/", views.figure_file, name="figure_file"),
]
