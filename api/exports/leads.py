"""What a dialler gets of a call."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from domain.times import Seconds


@dataclass(frozen=True, slots=True)
class Lead:
    """One person to call. ``call_id`` is the same in every export, and names the call when its outcome comes back."""

    call_id: UUID
    campaign: str
    purpose: str
    """``first_call`` or ``follow_up``."""
    level: int | None
    """1 for an F1; None for who is called for another reason."""
    cases: tuple[UUID, ...]
    priority: int
    due_at: Seconds
    attempts: int
    phone: str | None = None
    """E.164 with its plus; None where nobody knows one."""
    name: str | None = None
    commune: str | None = None
    """Of residence, the official code; None where nobody knows it."""


class Form(NamedTuple):
    """How leads are written: each gives a text, and those with the same path follow each other in one file.

    ``path`` is told the part of the list that a lead belongs to.
    """

    name: str
    header: str
    path: Callable[[str, Lead], str]
    text: Callable[[Lead], str]
