"""What an operator sets, by environment variable (``TRUYVET_…``) or on the command line."""

import os
from pathlib import Path

from pydantic import Field, HttpUrl
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.calling_hours import PATTERN as CALLING_HOURS
from domain.cases import MOST_LEVELS


def _default_data_dir() -> Path:
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "truyvet"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TRUYVET_", frozen=True)

    data_dir: Path = _default_data_dir()
    """Everything local: the local PostgreSQL, the master key, the saved visit graph."""
    database_url: str | None = None
    """An external PostgreSQL, 15 or newer, instead of the local one."""
    master_key: str | None = None
    """Base64 of the 32 bytes that wrap every person's key; else the file ``master.key`` in the data directory."""
    trace_levels: int = Field(2, ge=1, le=MOST_LEVELS)
    """So many levels of contacts are kept of a case: 2 for F1 and F2."""
    calling_hours: str = Field("08:00-20:00", pattern=CALLING_HOURS)
    """When people are called who have not said when, local time; the first call to somebody is due at once."""
    asterisk_channel: str = Field("PJSIP/{phone}@trunk", pattern=r"^[A-Za-z0-9]+/[A-Za-z0-9+._@/{}-]+$", max_length=120)
    """What Asterisk dials in call files, ``{phone}`` standing for the number with its plus."""
    asterisk_context: str = Field("truyvet", pattern=r"^[A-Za-z0-9_-]{1,79}$")
    """Where its dial plan goes on when somebody has answered, with extension ``s``."""
    alert_url: HttpUrl | None = None
    """Where alerts are posted; without one they wait."""
    code_url: str = Field("https://truyvet.example/q/", pattern=r"^https?://[!-~]+[/=]$", max_length=200)
    """What stands before the text of a QR code. Codes say it in capitals, so its path must not depend on case."""
    questions_at_once: int = Field(2, ge=1, le=10)
    """So many questions one process works on at once; 16 times as many wait their turn, for 2 seconds at most."""
    signing_key: int = Field(1, ge=1, le=1000)
    """The number of the key that signs new QR codes; raise it by one for a new key, the older ones stay known."""
