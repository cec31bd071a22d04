"""What every form of the admin does: say in words what the database would refuse."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model


class RowForm(forms.ModelForm):  # type: ignore[type-arg]  # The admin makes a form class per model from it.
    """A form that holds the whole row against its model's constraints before the database does.

    Django skips a constraint if one of its fields is not on the form; here it would then be the database that refuses,
    with a 500. `sentences` maps a constraint to the field it is shown at and to what the operator reads.
    """

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def _post_clean(self) -> None:
        # Django's own look at the constraints is set aside for the moment, or each would be complained of twice.
        self.instance.validate_constraints = lambda **_kwargs: None
        super()._post_clean()  # type: ignore[misc]  # The stubs leave out what Django's own forms override.
        del self.instance.validate_constraints
        self._hold_against_constraints()

    def _hold_against_constraints(self) -> None:
        """Adds an error for each constraint that the row breaks, except where one of its fields is wrong already."""
        wrong = set(self.errors)
        for model, constraints in self.instance.get_constraints():
            for constraint in constraints:
                try:
                    constraint.validate(model, self.instance, exclude=wrong)
                except ValidationError as error:
                    field, sentence = self.sentences.get(constraint.name, (None, None))
                    self.add_error(field if field in self.fields else None, sentence or error)


class SameOrganizationForm(RowForm):
    """A form whose row belongs to an organization, and so must what it refers to.

    The database holds that by a composite foreign key, which Django cannot validate.
    """

    same_organization: ClassVar[tuple[str, ...]] = ()

    def clean(self) -> dict[str, Any] | None:
        """Adds an error to each of `same_organization` that belongs to another one."""
        cleaned = super().clean() or self.cleaned_data
        organization_id = getattr(cleaned.get("organization"), "id", None) or self.instance.organization_id
        for name in self.same_organization:
            row = cleaned.get(name)
            if isinstance(row, Model) and organization_id and row.organization_id != organization_id:  # type: ignore[attr-defined]  # Each has one.
                self.add_error(name, f"This {name} belongs to another organization.")
        return cleaned
