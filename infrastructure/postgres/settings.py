"""What the server is told on its command line, and who gets in."""

import os
import sys
from pathlib import Path

from infrastructure.postgres.account import Account
from infrastructure.postgres.places import PORT

SUPERUSER = "truyvet"
_MEBIBYTE = 1 << 20

_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
# macOS calls data written that are in the disk's cache.
_TO_THE_DISK = {"wal_sync_method": "fsync_writethrough"} if sys.platform == "darwin" else {}
_MODEST = {
    "max_connections": "60",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
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
        "shared_buffers": _shared_buffers(),
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


def _shared_buffers() -> str:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MEBIBYTE
    return f"{max(32, min(256, memory // 8))}MB"
