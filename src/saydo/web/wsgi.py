"""The application as a server runs it."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from saydo.web.server import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "saydo.web.settings")
end_with_parent()
application = get_wsgi_application()
_ = get_resolver().url_patterns  # every page is loaded before the first request waits for it
