"""The application over HTTP, in the few words that tests need."""

from collections.abc import Mapping
from typing import Any

import httpx

from api.app import Truyvet
from application.access_keys import KeyText


class Api:
    """The application as a program sees it; a read sees everything written before it.

    ``client`` itself asks as an admin.
    """

    def __init__(self, client: httpx.Client, truyvet: Truyvet, key: KeyText) -> None:
        self.client = client
        self.truyvet = truyvet
        self.key = key
        self._headers = bearer(key)

    def as_(self, role: str, **bound: Any) -> "Api":
        """The same with a new key: ``api.as_("guard", venue="cafe")``, ``api.as_("manager", area="387")``."""
        _, key = self.truyvet.access_keys.create(role, **bound)
        return Api(self.client, self.truyvet, key)

    def post(self, path: str, body: Any = None, *, headers: Mapping[str, str] = {}, **more: Any) -> httpx.Response:
        return self.client.post(f"/v1/{path}", json=body, headers=self._headers | headers, **more)

    def patch(self, path: str, body: Any) -> httpx.Response:
        return self.client.patch(f"/v1/{path}", json=body, headers=self._headers)

    def get(self, path: str, *, accept: str = "application/json", **query: Any) -> httpx.Response:
        self.truyvet.graph.catch_up()
        self.truyvet.registers.catch_up()
        return self.client.get(f"/v1/{path}", params=query, headers=self._headers | {"Accept": accept})

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    def venue(self, code: str, **more: Any) -> str:
        body = {"name": code.title(), "kind": "restaurant", "commune": "00001", "code": code} | more
        answer = self.post("venues", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["venue_id"])

    def visit(self, person: str, venue: str, start: str, end: str | None = None) -> str:
        """``"09:00"`` is a time on the day of ``DAY``, local."""
        answer = self.post("check-ins", {"person": f"ref:{person}", "venue": venue, "at": at(start)})
        assert answer.status_code == 201, answer.text
        visit_id = str(answer.json()["visit_id"])
        if end is not None:
            assert self.post(f"visits/{visit_id}/check-out", {"at": at(end)}).status_code == 200
        return visit_id

    def case(self, person: str, onset: str = "2021-08-30", **more: Any) -> dict[str, Any]:
        answer = self.post("cases", {"person": f"ref:{person}", "onset": onset} | more)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def imported(self, kind: str, content: bytes, **more: Any) -> dict[str, Any]:
        headers = self._headers | more.pop("headers", {})
        answer = self.client.post(f"/v1/imports/{kind}", content=content, headers=headers, **more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def bearer(key: KeyText | str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


FIRST = 2
"""The position of the first event that a test records: before it is the admin's key."""

DAY = "2021-08-30"


def at(time: str) -> str:
    return f"{DAY}T{time}:00+07:00"
