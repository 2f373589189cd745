"""As which OS user the server runs: ours, or, since PostgreSQL refuses root, another one in root's place."""

import os
import pwd
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infrastructure.postgres.binaries import PostgresUnavailable

IN_PLACE_OF_ROOT = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """An OS user that we are, or, being root, can become."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of(cls, uid: int) -> "Account":
        """Raises PostgresUnavailable for a uid without a name: PostgreSQL needs one."""
        try:
            known = pwd.getpwuid(uid)
        except KeyError:
            raise PostgresUnavailable(f"PostgreSQL needs an OS user with a name, and uid {uid} has none") from None
        return cls(known.pw_name, known.pw_uid, known.pw_gid)

    @classmethod
    def for_server(cls) -> "Account":
        """Raises PostgresUnavailable when we have no name, or are root and there is nobody to become."""
        if os.geteuid() != 0:
            return cls.of(os.geteuid())
        for name in IN_PLACE_OF_ROOT:
            with suppress(KeyError):
                return cls.of(pwd.getpwnam(name).pw_uid)
        raise PostgresUnavailable("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")

    @property
    def is_another(self) -> bool:
        return self.uid != os.geteuid()

    def may_execute(self, path: Path) -> bool:
        """Whether this user can execute a file, or pass a directory: asked of the kernel, as that user."""
        if not self.is_another:
            return os.access(path, os.X_OK)
        return self.popen(["test", "-x", path], output=subprocess.DEVNULL).wait() == 0

    def popen(
        self,
        command: Sequence[str | Path],
        *,
        output: int,
        environment: Mapping[str, str] | None = None,
        before_exec: Callable[[], None] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process as this user, in a process group of its own, with none of our environment."""
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
            user=self.uid if self.is_another else None,
            group=self.gid if self.is_another else None,
            extra_groups=[] if self.is_another else None,
            process_group=0,
            preexec_fn=before_exec,
        )
