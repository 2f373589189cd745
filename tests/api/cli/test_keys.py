import csv
import io
import json

import pytest

from api.app import Truyvet
from tests.api.cli.running import Run


def test_a_key_is_printed_once_and_opens_what_it_is_for(cli: Run, truyvet: Truyvet) -> None:
    truyvet.venues.register("Cafe", "restaurant", code="cafe")
    code, out, err = cli(
        "keys", "create", "--role", "guard", "--venue", "cafe", "--label", "gate 7", "--person", "ref:ann"
    )
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert list(told) == ["key_id", "key", "role", "position"]
    caller = truyvet.access_keys.authenticate(told["key"])
    assert caller is not None
    assert (str(caller.key_id), caller.role, caller.venue) == (told["key_id"], "guard", truyvet.venues.find("cafe"))
    assert told["key"] not in "".join(
        cli("keys", "list", "--format", form)[1] for form in ("table", "csv", "json", "ndjson")
    )


def test_the_key_alone_for_a_script(cli: Run, truyvet: Truyvet) -> None:
    _, out, _ = cli("keys", "create", "--role", "manager", "--area", "387", "--only-key")
    caller = truyvet.access_keys.authenticate(out.removesuffix("\n"))
    assert caller is not None
    assert (caller.role, caller.area) == ("manager", "387")


def test_keys_are_listed_and_revoked(cli: Run, truyvet: Truyvet) -> None:
    first = json.loads(cli("keys", "create", "--role", "admin")[1])
    second = json.loads(cli("keys", "create", "--role", "auditor", "--expires", "2100-01-01T00:00:00+07:00")[1])
    assert cli("keys", "revoke", first["key_id"])[0] == 0
    assert truyvet.access_keys.authenticate(first["key"]) is None
    rows = list(csv.DictReader(io.StringIO(cli("keys", "list", "--format", "csv")[1])))
    assert [(row["key_id"], row["role"], row["expires_at"], row["created_by"]) for row in rows] == [
        (first["key_id"], "admin", "", "local"), (second["key_id"], "auditor", "2099-12-31T17:00:00Z", "local"),
    ]  # fmt: skip
    assert [bool(row["revoked_at"]) for row in rows] == [True, False]
    table = cli("keys", "list")[1]
    assert second["key_id"] in table
    assert "None" not in table


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("create", "--role", "root"), "a role is one of"),
        (("create", "--role", "guard"), "bound to a venue"),
        (("create", "--role", "guard", "--venue", "nowhere"), "no venue"),
        (("create", "--role", "gateway", "--area", "999"), "area is no code"),
        (("create", "--role", "gateway", "--expires", "2021-08-30T02:00:00Z"), "expires in the future"),
        (("create", "--role", "gateway", "--expires", "tomorrow"), "no instant"),
        (("revoke", "8d2ab8a0-9d27-4d4c-8c07-6f1fd40ab7d0"), "no access key"),
    ],
)
def test_what_is_refused_is_one_line_and_exit_1(cli: Run, arguments: tuple[str, ...], reason: str) -> None:
    code, out, err = cli("keys", *arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert reason in err


@pytest.mark.parametrize("arguments", [(), ("create",), ("revoke",), ("revoke", "x"), ("list", "--format", "graphml")])
def test_usage_is_exit_2(cli: Run, arguments: tuple[str, ...]) -> None:
    assert cli("keys", *arguments)[0] == 2
