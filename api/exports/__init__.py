"""The call list as files, for diallers and offices: what is in each is said in docs/diallers.md.

leads.py      what a dialler gets of a call       due.py        the due calls of the log as such
generic.py vicidial.py asterisk.py                bundle.py     the split, the files and their manifest
                                                  sinks.py      where files go: an archive, a directory
"""

from api.exports.asterisk import Spool
from api.exports.bundle import Split
from api.exports.due import Wanted, export_due
from api.exports.generic import GENERIC
from api.exports.leads import Form
from api.exports.sinks import directory, zip_archive
from api.exports.vicidial import VICIDIAL
from infrastructure.imports import DiallerFormat
from infrastructure.settings import Settings

__all__ = ["DiallerFormat", "Split", "Wanted", "directory", "export_due", "form_of", "zip_archive"]


def form_of(name: DiallerFormat, settings: Settings) -> Form:
    match name:
        case DiallerFormat.generic:
            return GENERIC
        case DiallerFormat.vicidial:
            return VICIDIAL
        case DiallerFormat.asterisk:
            return Spool(settings.asterisk_channel, settings.asterisk_context).form
