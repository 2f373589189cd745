"""Everything that truyvet refuses, and why.

TruyvetError
├── Malformed      cannot be read: a time without offset, a phone that is none        HTTP 422
├── Refused        can be read, breaks a rule: a check-out before its check-in        HTTP 422
│   ├── ForeignCode    a QR code that is none of ours: another format, version, key
│   ├── AlteredCode    a QR code that was damaged or changed: its checksum is wrong
│   ├── ForgedCode     a QR code with a wrong signature, or that was never issued
│   └── EndedCode      a QR code that had ended when it was scanned
├── Forbidden      asked by somebody who may not                                      HTTP 403
├── Unknown        names something that does not exist                                HTTP 404
├── Conflict       the same id or key was recorded with another content               HTTP 409
│   └── HasLeft        a check-out of a visit that has another one
├── TimedOut       what was waited for did not come                                   HTTP 504
└── Unavailable    the log or a view cannot be reached now                            HTTP 503
"""


class TruyvetError(Exception):
    """One clear line for whoever asked."""


class Malformed(TruyvetError):
    pass


class Refused(TruyvetError):
    pass


class ForeignCode(Refused):
    pass


class AlteredCode(Refused):
    pass


class ForgedCode(Refused):
    pass


class EndedCode(Refused):
    pass


class Forbidden(TruyvetError):
    pass


class Unknown(TruyvetError):
    pass


class Conflict(TruyvetError):
    pass


class HasLeft(Conflict):
    pass


class TimedOut(TruyvetError):
    pass


class Unavailable(TruyvetError):
    pass
