"""The registers: small read models in PostgreSQL, each with its events, its table and its queries in one file.

venues.py, cases.py, quarantines.py, imports.py, access_keys.py, guards.py
                                                  the views
venue_history.py                                  the venues as known at any position
register.py                                       what they have in common
projection.py                                     a batch of events and its position, in one transaction
registers.py                                      Registers: to ask them, and to keep them up with the log
"""

from infrastructure.registers.access_keys import AccessKeyRow
from infrastructure.registers.cases import CaseRow
from infrastructure.registers.guards import GuardRow
from infrastructure.registers.imports import ImportRow
from infrastructure.registers.quarantines import QuarantineRow
from infrastructure.registers.registers import Registers
from infrastructure.registers.venues import VenueRow

__all__ = ["AccessKeyRow", "CaseRow", "GuardRow", "ImportRow", "QuarantineRow", "Registers", "VenueRow"]
