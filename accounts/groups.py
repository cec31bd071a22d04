"""The groups that operators can be in. Migrations make them; each app grants the permissions of its own models.

| group | may |
|---|---|
| viewer | see everything |
| operator | also attach, detach, retry and release |
| administrator | also add and change what tenants have, keys, organizations and operators |
"""

from collections.abc import Collection
from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db.migrations import RunPython

VIEWER, OPERATOR, ADMINISTRATOR = "viewer", "operator", "administrator"
# The groups that operators may assign who are not superusers.
ASSIGNABLE = (VIEWER, OPERATOR)


def grant(app_label: str, *, operator: Collection[str] = (), administrator: Collection[str] = ()) -> RunPython:
    """Return the migration operation that grants permissions of an app's models.

    Every group may view all models of the app. Administrators also have the permissions of operators.

    Args:
        app_label: The app's label, as `brands`.
        operator: Code names for operators, as `change_brand`.
        administrator: Code names for administrators.
    """

    def forward(apps: Any, schema_editor: Any) -> None:
        alias = schema_editor.connection.alias
        # Django creates permissions only after all migrations.
        create_permissions(installed.get_app_config(app_label), verbosity=0, using=alias)
        of_app = apps.get_model("auth", "Permission").objects.using(alias).filter(content_type__app_label=app_label)
        views = of_app.filter(codename__startswith="view_")
        for name, code_names in (
            (VIEWER, ()),
            (OPERATOR, operator),
            (ADMINISTRATOR, [*operator, *administrator]),
        ):
            group, _ = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name=name)
            group.permissions.add(*views, *of_app.filter(codename__in=code_names))

    return RunPython(forward, RunPython.noop)
