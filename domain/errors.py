"""Everything that truyvet refuses, and why.

TruyvetError
├── Malformed      cannot be read: a time without offset, a phone that is none        HTTP 422
├── Refused        can be read, breaks a rule: a check-out before its check-in        HTTP 422
├── Unknown        names something that does not exist                                HTTP 404
├── Conflict       the same id or key was recorded with another content               HTTP 409
├── TimedOut       what was waited for did not come                                   HTTP 504
└── Unavailable    the log or a view cannot be reached now                            HTTP 503
"""


class TruyvetError(Exception):
    """One clear line for whoever asked."""


class Malformed(TruyvetError):
    pass


class Refused(TruyvetError):
    pass


class Unknown(TruyvetError):
    pass


class Conflict(TruyvetError):
    pass


class TimedOut(TruyvetError):
    pass


class Unavailable(TruyvetError):
    pass
