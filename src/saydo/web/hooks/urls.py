"""The addresses of the app ``hooks``."""

from __future__ import annotations

from django.urls import path, re_path

from saydo.web.hooks import views

urlpatterns = [
    path("", views.hooks, name="hooks"),
    path("new/", views.new_hook, name="new_hook"),
    path("<int:endpoint>/", views.hook, name="hook"),
    path("<int:endpoint>/edit/", views.edit_hook, name="edit_hook"),
    re_path(r"^(?P<endpoint>\d{1,18})/(?P<act>test|rotate|on|off|delete)/$", views.act_on_hook, name="act_on_hook"),
    path("again/<int:delivery>/", views.send_again, name="send_again"),
]
