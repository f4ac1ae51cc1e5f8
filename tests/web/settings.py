"""The application's settings for tests: a home of its own that is thrown away, and passwords that are checked fast."""

import atexit
import os
import shutil
import tempfile

_home = tempfile.mkdtemp(prefix="saydo-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["SAYDO_HOME"] = _home
os.environ["SAYDO_SECRET_KEY"] = "only for tests: " + "0" * 40

from saydo.web.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
if not IS_SQLITE:  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": f"saydo_test_{os.getpid()}"}  # noqa: F405  two runs at once
