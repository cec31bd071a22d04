"""Files that operators upload: how much of one is kept, and the form."""

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from unfold.widgets import UnfoldAdminFileFieldWidget

from agentmessage.admin.forms import ReasonForm

MAX_MEGABYTES = 50
_MAX_BYTES = MAX_MEGABYTES * 1_000_000


class LimitedUpload(TemporaryFileUploadHandler):
    """Write a file to the disk up to the limit of the form, which refuses a larger one by the size that was sent."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Keep or discard a part of the file."""
        return super().receive_data_chunk(raw_data, start) if start <= _MAX_BYTES else None


class UploadForm(forms.Form):
    """A file to import."""

    file = forms.FileField(widget=UnfoldAdminFileFieldWidget)

    def clean_file(self) -> UploadedFile:
        """Refuse a file that is too large."""
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > _MAX_BYTES:
            raise forms.ValidationError(
                f"The file is larger than {MAX_MEGABYTES} MB, the limit of an upload. "
                "manage.py load_inventory FILE loads a file of any size."
            )
        return file


class ConfirmForm(ReasonForm):
    """Which preview is confirmed, and why."""

    digest = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
