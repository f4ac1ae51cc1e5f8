"""Large files are taken in from those alone who may load them.

Django reads a form, and writes its files to the disk, as soon as it looks for the form's token: before any view, and of
people who are nobody here.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

from saydo.web.rights import may


class Doorkeeper(FileUploadHandler):
    """The first of the handlers: it refuses a body before it is read, and lets all else through."""

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *_: Any, **__: Any) -> None:
        """Refuse what is large to those without the right; the status is 400."""
        user = getattr(self.request, "user", None)
        if content_length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE and not (user and may(user, "load_data")):
            raise RequestDataTooBig("too large for somebody who may not load files")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """For the next handler."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The file is the next handler's."""
