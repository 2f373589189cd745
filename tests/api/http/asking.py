"""The application over HTTP, in the few words that tests need."""

from typing import Any

import httpx

from api.app import Truyvet


class Api:
    """The application as a program sees it; a read sees everything written before it."""

    def __init__(self, client: httpx.Client, truyvet: Truyvet) -> None:
        self.client = client
        self.truyvet = truyvet

    def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.client.post(f"/v1/{path}", json=body, **more)

    def patch(self, path: str, body: Any) -> httpx.Response:
        return self.client.patch(f"/v1/{path}", json=body)

    def get(self, path: str, *, accept: str = "application/json", **query: Any) -> httpx.Response:
        self.truyvet.graph.catch_up()
        self.truyvet.registers.catch_up()
        return self.client.get(f"/v1/{path}", params=query, headers={"Accept": accept})

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
        answer = self.client.post(f"/v1/imports/{kind}", content=content, **more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


DAY = "2021-08-30"


def at(time: str) -> str:
    return f"{DAY}T{time}:00+07:00"
