"""The application as a server runs it."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from saydo.web.server import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "saydo.web.settings")
end_with_parent()
application = get_wsgi_application()
