"""The tasks of inventories: imports of operators."""

from django.db import close_old_connections
from procrastinate.contrib.django import app

from inventory.imports import run_import
from inventory.models import InventoryImport
from phone_numbers.services.operator_jobs import delete_old_jobs
from phone_numbers.tasks import QUEUE


@app.periodic(cron="* * * * * */2")
@app.task(queue=QUEUE, queueing_lock="inventory_imports", name="inventory_imports")
def inventory_imports(timestamp: int) -> None:  # noqa: ARG001  (Procrastinate names the moment; what is uploaded counts.)
    """Every two seconds: preview or load a file that waits. The imports themselves say what is left to do."""
    close_old_connections()
    run_import()


@app.periodic(cron="31 * * * *")
@app.task(queue=QUEUE, queueing_lock="delete_inventory_imports", name="delete_inventory_imports")
def delete_inventory_imports(timestamp: int) -> None:  # noqa: ARG001
    """Every hour: delete old imports."""
    close_old_connections()
    delete_old_jobs(InventoryImport)
