"""What the server is told on its command line, and who gets in."""

import os
import shutil
import sys
from pathlib import Path

from infrastructure.postgres.account import Account
from infrastructure.postgres.places import PORT

SUPERUSER = "truyvet"
_MEBIBYTE = 1 << 20
_ALLOWED_MEMORY = Path("/sys/fs/cgroup/memory.max")

_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
# macOS calls data written that are in the disk's cache.
_TO_THE_DISK = {"wal_sync_method": "fsync_writethrough"} if sys.platform == "darwin" else {}
_MODEST = {
    "max_connections": "60",
    "checkpoint_timeout": "30min",
    "wal_compression": "off",  # the pages that fill the WAL are those of random keys, which hardly shrink
    "wal_init_zero": "off",  # whoever holds the ordering lock would wait until 16 MB of zeros are on the disk
    "TimeZone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}
# The log must carry no personal data: neither statements nor parameters, nor the DETAIL that quotes a row.
_DISCREET = {
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
}
# What goes wrong in a session is told to that session, with the values that were wrong: that is not for the log either.
DISCREET_SESSIONS = "ALTER ROLE ALL SET log_min_messages = 'log'"


def server_settings(sockets: Path, ground: Path) -> dict[str, str]:
    """Names and values for `postgres -c`, which neither a file nor ALTER SYSTEM overrides."""
    return {
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_directories": f'"{sockets}"',
        "unix_socket_permissions": "0700",
        "hba_file": str(ground / "hba.conf"),
        "ident_file": str(ground / "ident.conf"),
        "shared_buffers": _part(_memory(), 8, 32, 2_048),
        "max_wal_size": _part(shutil.disk_usage(ground).free, 8, 512, 16_384),
        **_TO_THE_DISK,
        **_DURABLE,
        **_MODEST,
        **_DISCREET,
    }


def write_access_rules(ground: Path) -> None:
    """Beside the cluster, not in it.

    So a server that runs as another user cannot change who gets in, and root does not write into that user's directory.
    """
    ours = Account.of(os.geteuid()).name
    rules = f"local all {SUPERUSER} peer map=truyvet\nlocal all all scram-sha-256\n"
    for name, text in (("hba.conf", rules), ("ident.conf", f'truyvet "{ours}" {SUPERUSER}\n')):
        (ground / name).write_text(text)
        (ground / name).chmod(0o644)  # the server's user has to read it; what is private is the directory


def _part(whole: int, share: int, least: int, most: int) -> str:
    """A share of so many bytes, at least and at most so many megabytes."""
    return f"{max(least, min(most, whole // _MEBIBYTE // share))}MB"


def _memory() -> int:
    """Bytes of memory that this machine has, or that this container may use."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        allowed = _ALLOWED_MEMORY.read_text().strip()
    except OSError:
        return physical
    return min(physical, int(allowed)) if allowed.isdecimal() else physical
