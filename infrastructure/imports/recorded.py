"""The import's own stream."""

from dataclasses import replace
from uuid import uuid4

from application.log import Draft
from application.provenance import Provenance
from domain.imports import Import
from infrastructure.imports.batch import Tally
from infrastructure.imports.tools import Tools


class RecordedImport:
    """The import's own stream: begun together with the first fact that is new."""

    def __init__(self, tools: Tools, kind: str, by: Provenance) -> None:
        self.tools = tools
        self.import_id = uuid4()
        self.by = replace(by, correlation=str(self.import_id))
        self.kind = kind
        self.has_begun = False

    def begin(self) -> Import:
        return Import.begin(self.import_id, self.kind, self.tools.now())

    def complete(self, sha256: str, tally: Tally, failure: str | None) -> None:
        if self.has_begun:
            stream = self.begin()
            stream.collect_events()  # the log has them
            stream.complete(sha256, tally.as_dict(), failure, self.tools.now())
            self.tools.log.save(Draft([stream]), self.by)
