"""The brakes: how much drift one run corrects, in reconciliation and in sync (docs/adr/0029-brakes.md)."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from propagation.models import CarrierAnswer

_ORGANIZATION_LEAST, _ORGANIZATION_SHARE = 3, 0.05
_RUN_LEAST, _RUN_SHARE = 10, 0.02


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rows of a run were compared, how many differ, and in one sentence why that is too many, if it is."""

    compared: int
    drifted: int
    excess: str | None


def run_limit(compared: int) -> int:
    """Return how many rows one run may correct."""
    return max(_RUN_LEAST, int(compared * _RUN_SHARE))


def organization_limit(compared: int) -> int:
    """Return how many rows of one organization a run may correct."""
    return max(_ORGANIZATION_LEAST, int(compared * _ORGANIZATION_SHARE))


def measure(comparable: QuerySet[CarrierAnswer], drifted: Q, *, organization: str) -> Extent:
    """Count the drift among the compared rows, by the column `organization` and in all, before anything is written."""
    groups = comparable.order_by().values_list(organization)
    counts = groups.annotate(compared=Count("*"), drifting=Count("id", filter=drifted))
    compared = drifting = 0
    excess = None
    for organization_id, of_all, of_drifting in counts.iterator():
        compared += of_all
        drifting += of_drifting
        limit = organization_limit(of_all)
        if of_drifting > limit and excess is None:
            excess = f"{of_drifting:,} of {of_all:,} differ in organization {organization_id}, more than {limit:,}"
    if drifting > run_limit(compared):
        excess = f"{drifting:,} of {compared:,} differ, more than {run_limit(compared):,}"
    return Extent(compared, drifting, excess)
