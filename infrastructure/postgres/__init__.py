"""A PostgreSQL of our own, for whoever has no server.

The first process to come starts an *owner* (`python -m infrastructure.postgres.owner`), which runs `postgres` as its
direct child; every process, the first one too, then *attaches* to it, and the owner stops the server once nobody has
been attached for a moment.

    serve ──┐ shared lock on `clients`                          exclusive lock on `owner`
    import ─┼──────────────────────────▶ <data_dir>/postgresql ◀───────────────────────── owner ── postgres
    verify ─┘                              `address`

Who lives is told by locks of the kernel (flock), never by a pid in a file, so kill -9 of anybody leaves nothing to
clean up by hand:

| killed     | what follows |
|---|---|
| a client   | its lock is gone; the owner stops the server if it was the last |
| `postgres` | the owner ends what is left of it and starts it again on the same address; clients connect again |
| the owner  | the kernel tells `postgres` to shut down fast; the next to attach, or `ensure_running`, starts an owner |

Where things lie, below `<data_dir>/postgresql` (mode 0700, of the user who runs truyvet):

    owner, clients   the two lock files
    address          where the server listens: there only while it accepts connections
    sockets          link to the socket directory, a short path of mode 0700 in the directory for temporary files
    log              of the owner and the server; no statement, no value
    cluster          the data, with hba.conf and ident.conf beside it

PostgreSQL refuses to run as root. Started by root, the server runs as `postgres`, else as `nobody`: the cluster and the
socket directory belong to that user, `<data_dir>/postgresql` is root's and merely lets that user's group pass (mode
0710), and binaries out of that user's reach are copied beside the cluster. A directory above that the user cannot pass
(/root, say) is left as it is: the cluster then lies in /var/lib/truyvet/<random>, and the link `elsewhere` points there
(who deletes the data directory deletes only the link). Whatever else runs as `nobody` could read the files of a server
that runs as `nobody`: where that matters, have a user `postgres`.

Who gets in: nobody passes the socket directory but its owner and root. Behind it, the superuser `truyvet` is only for
the OS user who started the server (peer, mapped by name), every other role needs its password (scram-sha-256), and
clients accept only a server that runs as the expected OS user (requirepeer). There is no TCP and no `trust`.
"""

from infrastructure.postgres.attach import ensure_running, local_postgres
from infrastructure.postgres.binaries import PostgresUnavailable, find_binaries

__all__ = ["PostgresUnavailable", "ensure_running", "find_binaries", "local_postgres"]
