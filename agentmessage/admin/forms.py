"""The base of all admin forms: it reports in words what the database would refuse."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import BaseConstraint, Model, Q, UniqueConstraint
from django.utils.functional import cached_property
from unfold.widgets import UnfoldAdminTextInputWidget

from agentmessage.errors import shown
from agentmessage.validators import REASON_LENGTH

REASON = "reason"


class ReasonForm(forms.Form):
    """Why an operator changes something."""

    reason = forms.CharField(
        max_length=REASON_LENGTH,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Optional. The history keeps it.",
    )

    @cached_property
    def changed_data(self) -> list[str]:
        """Return what changed, which does not include why."""
        return [name for name in super().changed_data if name != REASON]


class RowForm(ReasonForm, forms.ModelForm):  # type: ignore[type-arg]  # The admin makes a form class per model from it.
    """Validate the whole row against its model's constraints.

    Django skips a constraint if one of its fields is not on the form; the database would then refuse the row, a 500.
    The first field that a condition names shows its message, and the last one of a unique constraint.
    """

    def _post_clean(self) -> None:
        # Django's own validation of the constraints is switched off meanwhile, or each error would appear twice.
        self.instance.validate_constraints = lambda **_kwargs: None
        super()._post_clean()  # type: ignore[misc]  # The stubs leave out what Django's own forms override.
        del self.instance.validate_constraints
        self._check_constraints()

    def _update_errors(self, errors: ValidationError) -> None:
        """Put the value before what `agentmessage.validators` say of it, which continues a sentence."""
        for field, found in errors.error_dict.items() if hasattr(errors, "error_dict") else ():
            for error in found:
                if str(error.message)[:1].islower():
                    # Without parameters, Django does not look for placeholders in the value.
                    error.message, error.params = f"{shown(self.cleaned_data.get(field))} {error.message}.", None
        super()._update_errors(errors)  # type: ignore[misc]  # As above.

    def _check_constraints(self) -> None:
        """Add an error for each constraint that the row violates, unless one of its fields already has an error."""
        wrong = set(self.errors)
        for model, constraints in self.instance.get_constraints():
            for constraint in constraints:
                try:
                    constraint.validate(model, self.instance, exclude=wrong)
                except ValidationError as error:
                    field = _field_of(constraint)
                    self.add_error(field if field in self.fields else None, error)


def _field_of(constraint: BaseConstraint) -> str:
    if isinstance(constraint, UniqueConstraint):
        return constraint.fields[-1]
    first: Any = constraint.condition  # type: ignore[attr-defined]  # No other kind is on a form.
    while isinstance(first, Q):
        first = first.children[0]
    return str(first[0]).partition("__")[0]


class SameOrganizationForm(RowForm):
    """Require that the rows of `same_organization` belong to the organization of the form's row.

    The database enforces it with a composite foreign key, which Django cannot validate.
    """

    same_organization: ClassVar[tuple[str, ...]] = ()

    def clean(self) -> dict[str, Any] | None:
        """Add an error to each field whose row belongs to another organization."""
        cleaned = super().clean() or self.cleaned_data
        organization_id = getattr(cleaned.get("organization"), "id", None) or self.instance.organization_id
        for name in self.same_organization:
            row = cleaned.get(name)
            if isinstance(row, Model) and organization_id and row.organization_id != organization_id:  # type: ignore[attr-defined]  # Each has one.
                self.add_error(name, f"This {name} belongs to another organization.")
        return cleaned
