"""The registers: small read models in PostgreSQL, each with its events, its table and its queries in one file.

venues.py, cases.py, quarantines.py, breaches.py, imports.py, access_keys.py, guards.py, declarations.py,
escalations.py, residents.py, sites.py, calls.py
                                                  the views
venue_history.py, campaign_history.py             venues, and calls, as known at any position
leads.py                                          the call list as a whole, for exports
register.py                                       what they have in common
projection.py                                     a batch of events and its position, in one transaction
registers.py                                      Registers: to ask them, and to keep them up with the log
"""

from infrastructure.registers.access_keys import AccessKeyRow
from infrastructure.registers.breaches import BreachRow
from infrastructure.registers.calls import CallRow
from infrastructure.registers.cases import CaseRow
from infrastructure.registers.declarations import DeclarationRow
from infrastructure.registers.escalations import EscalationRow
from infrastructure.registers.guards import GuardRow
from infrastructure.registers.imports import ImportRow
from infrastructure.registers.quarantines import QuarantineRow
from infrastructure.registers.registers import Registers
from infrastructure.registers.sites import SiteRow
from infrastructure.registers.venues import VenueRow

__all__ = [
    "AccessKeyRow",
    "BreachRow",
    "CallRow",
    "CaseRow",
    "DeclarationRow",
    "EscalationRow",
    "GuardRow",
    "ImportRow",
    "QuarantineRow",
    "Registers",
    "SiteRow",
    "VenueRow",
]
