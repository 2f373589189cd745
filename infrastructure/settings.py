"""What an operator sets, by environment variable (``TRUYVET_…``) or on the command line."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    code_url: str = Field("https://truyvet.example/q/", pattern=r"^https?://[!-~]+[/=]$", max_length=200)
    """What stands before the text of a QR code. Codes say it in capitals, so its path must not depend on case."""
    signing_key: int = Field(1, ge=1, le=1000)
    """The number of the key that signs new QR codes; raise it by one for a new key, the older ones stay known."""
