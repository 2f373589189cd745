"""The import's own stream."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

from application.log import Draft
from application.provenance import Provenance
from domain.errors import TruyvetError
from domain.imports import Import
from infrastructure.imports.batch import Batch, Tally
from infrastructure.imports.tools import Tools
from infrastructure.lines import Line, Lines, in_batches


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


class ImportOneByOne(RecordedImport):
    """Each line is a command of its own."""

    def run(self, lines: Lines, size: int) -> Iterator[Batch]:
        for some in in_batches(lines, size):
            batch = Batch()
            batch.tally.read = len(some)
            for line in some:
                try:
                    self.take(line, batch.tally)
                except TruyvetError as error:
                    batch.reject(line, str(error))
            yield batch

    @abstractmethod
    def take(self, line: Line, tally: Tally) -> None:
        """Record a line and count it. Raises what refuses it."""

    def save(self, draft: Draft) -> None:
        if not self.has_begun:
            draft.streams.insert(0, self.begin())
        self.tools.log.save(draft, self.by)
        self.has_begun = True
