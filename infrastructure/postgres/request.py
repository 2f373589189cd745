"""What a process that starts an owner says to it, and what it is answered."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass

READY = "ready"


@dataclass(frozen=True)
class Request:
    """On the owner's command line. `owner_lock` is a file descriptor that comes with it, `grace` is in seconds."""

    home: str
    binaries: str
    owner_lock: int
    grace: float
    settings: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> "Request":
        return cls(**json.loads(text))

    def text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


class Answer:
    """On a pipe, once, if the process that started us is still there: READY, or the reason why not."""

    def __init__(self, pipe: int) -> None:
        self._pipe: int | None = pipe

    def give(self, line: str) -> None:
        if self._pipe is not None:
            with suppress(BrokenPipeError):
                os.write(self._pipe, line.encode())
            os.close(self._pipe)
            self._pipe = None
