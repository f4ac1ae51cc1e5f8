"""The addresses of the app ``loads``."""

from __future__ import annotations

from django.urls import path

from saydo.web.loads import views

urlpatterns = [
    path("", views.load, name="load"),
    path("<int:number>/", views.load_one, name="load_one"),
    path("<int:number>/progress/", views.load_progress, name="load_progress"),
    path("<int:number>/go-on/", views.load_go_on, name="load_go_on"),
    path("<int:number>/drop/", views.load_drop, name="load_drop"),
    path("<int:number>/refused/", views.load_refused, name="load_refused"),
    path("<int:number>/refused.csv", views.load_refused_file, name="load_refused_file"),
]
