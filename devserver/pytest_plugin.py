"""A pytest plugin that runs the tests on an embedded PostgreSQL, unless DATABASE_URL names a server.

It has to be loaded with `-p`: pytest-django reads the settings before any conftest is imported.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

import pytest
from django.core.exceptions import ImproperlyConfigured

from agentmessage.environment import env
from agentmessage.make_run import data_folder
from devserver.data_folder import DevServerError, InUse, owned
from devserver.postgresql import Server, postgresql


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Set DATABASE_URL before pytest-django reads the settings. Workers of xdist inherit it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        stack = ExitStack()
        early_config.add_cleanup(stack.close)
        try:
            os.environ["DATABASE_URL"] = env.DATABASE_URL or stack.enter_context(_own_server()).url
        except (DevServerError, ImproperlyConfigured) as error:
            raise pytest.UsageError(str(error)) from error
    return (yield)


@contextmanager
def _own_server() -> Iterator[Server]:
    """Run a server in the first folder that no other run of the tests has, so that none of them meet."""
    with ExitStack() as stack:
        for number in count(1):
            folder = data_folder() / f"tests-{number}"
            try:
                stack.enter_context(owned(folder, wait=False))
            except InUse:
                continue
            yield stack.enter_context(postgresql(folder / "postgresql", durable=False))
            return
