"""QR codes over HTTP: issued, drawn, printed, read with a scanner, and refused when they do not count."""

import base64
import io
import re
from typing import Any
from xml.etree import ElementTree

import pytest
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from PIL import Image, ImageDraw

from api import posters
from domain.qr_codes import parse_qr_code
from infrastructure.signing import SigningKeys
from tests.api.http.asking import Api

NS = {"h": "http://www.w3.org/1999/xhtml"}
LATER, MUCH_LATER = "2100-01-01T00:00:00+07:00", "2100-01-02T00:00:00+07:00"


@pytest.fixture
def cafe(api: Api) -> str:
    return api.venue("cafe", name="Cà phê Hoa Sữa", address="12 Lê Lợi", default_stay_minutes=90)


def issue(api: Api, venue: str = "cafe", **body: Any) -> dict[str, Any]:
    answer = api.post(f"venues/{venue}/qr-codes", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def scanned(image: Image.Image) -> str:
    """What a phone reads."""
    (found,) = zxingcpp.read_barcodes(image)
    return str(found.text)


def photographed(svg: ElementTree.Element, namespace: str) -> Image.Image:
    """The horizontal strokes that the path of a code consists of, as an image."""
    *_, width, height = map(int, svg.attrib["viewBox"].split())
    image = Image.new("L", (8 * width, 8 * height), 255)
    draw, x, y = ImageDraw.Draw(image), 0.0, 0.0
    paths = [path for path in svg.iter(f"{namespace}path") if "stroke" in path.attrib]
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", paths[0].attrib["d"]):
        first, *rest = map(float, re.findall(r"-?[\d.]+", numbers))
        if command == "h":
            draw.rectangle([8 * x, 8 * (y - 0.5), 8 * (x + first) - 1, 8 * (y + 0.5) - 1], fill=0)
            x, rest = x + first, [0.0]
        else:
            x, y = (first, rest[0]) if command == "M" else (x + first, y + rest[0])
    return image


class TestIssuing:
    def test_a_code_is_issued_and_told(self, api: Api, cafe: str) -> None:
        issued = issue(api)
        assert (issued["venue_id"], issued["serial"], issued["ends_at"]) == (cafe, 1, None)
        assert issued["url"] == f"HTTPS://TRUYVET.EXAMPLE/Q/{issued['payload']}"
        assert parse_qr_code(issued["url"]).code.venue.hex == cafe.replace("-", "")
        assert api.get("venues/cafe/qr-code").json() == issued

    def test_a_retry_with_the_same_key_issues_nothing(self, api: Api, cafe: str) -> None:
        key = {"Idempotency-Key": "poster 1"}
        first = api.post("venues/cafe/qr-codes", {"end_others_at": LATER}, headers=key)
        issue(api)
        again = api.post("venues/cafe/qr-codes", {"end_others_at": LATER}, headers=key)
        assert (again.status_code, again.json()) == (201, first.json())
        assert [code["serial"] for code in api.items("venues/cafe/qr-codes")] == [1, 2]
        assert api.post("venues/cafe/qr-codes", {}, headers=key).status_code == 409

    def test_a_new_code_may_end_the_others(self, api: Api, cafe: str) -> None:
        issue(api)
        issue(api, end_others_at=LATER)
        codes = api.items("venues/cafe/qr-codes")
        assert [(code["serial"], code["ends_at"]) for code in codes] == [(1, "2099-12-31T17:00:00Z"), (2, None)]

    def test_a_code_is_ended_now_or_later(self, api: Api, cafe: str) -> None:
        issue(api)
        assert api.post("venues/cafe/qr-codes/1/end", {"at": LATER}).json()["ends_at"] == "2099-12-31T17:00:00Z"
        ended = api.post("venues/cafe/qr-codes/1/end")
        assert ended.json()["ends_at"] < "2099"
        assert api.post("venues/cafe/qr-codes/1/end").json() == ended.json()
        assert api.post("venues/cafe/qr-codes/1/end", {"at": MUCH_LATER}).status_code == 422
        assert api.get("venues/cafe/qr-code").status_code == 404

    def test_the_list_by_pages_and_as_of_a_position(self, api: Api, cafe: str) -> None:
        positions = [issue(api)["position"] for _ in range(3)]
        first = api.get("venues/cafe/qr-codes", limit=2).json()
        issue(api)
        rest = api.get("venues/cafe/qr-codes", limit=2, cursor=first["next"]).json()
        assert [code["serial"] for code in first["items"] + rest["items"]] == [1, 2, 3]
        assert first["position"] == rest["position"] == positions[-1]
        assert len(api.items("venues/cafe/qr-codes", as_of=positions[0])) == 1

    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", "nowhere/qr-codes"), ("GET", "nowhere/qr-codes"), ("GET", "nowhere/qr-code"),
         ("GET", "nowhere/poster"), ("POST", "cafe/qr-codes/7/end"), ("GET", "cafe/qr-code"), ("GET", "cafe/poster")],
    )  # fmt: skip
    def test_a_venue_or_code_that_is_not_there(self, api: Api, cafe: str, method: str, path: str) -> None:
        assert api.client.request(method, f"/v1/venues/{path}").status_code == 404

    @pytest.mark.parametrize("serial", ["0", "65536", "x", "-1", "+1", "1.0", "%201"])
    def test_a_serial_that_is_none(self, api: Api, cafe: str, serial: str) -> None:
        assert api.post(f"venues/cafe/qr-codes/{serial}/end").status_code == 422


class TestDrawing:
    def test_a_scanner_reads_the_png(self, api: Api, cafe: str) -> None:
        issued = issue(api)
        answer = api.get("venues/cafe/qr-code", accept="image/png")
        assert answer.headers["content-type"] == "image/png"
        image = Image.open(io.BytesIO(answer.content))
        assert scanned(image.convert("L")) == issued["url"]
        width_mm = image.width / image.info["dpi"][0] * 25.4
        assert 150 < width_mm < 190

    def test_a_scanner_reads_what_the_svg_draws(self, api: Api, cafe: str) -> None:
        issued = issue(api)
        answer = api.get("venues/cafe/qr-code", accept="image/svg+xml")
        assert answer.headers["content-type"].startswith("image/svg+xml")
        svg = ElementTree.fromstring(answer.content)  # noqa: S314 # our own
        assert scanned(photographed(svg, "{http://www.w3.org/2000/svg}")) == issued["url"]

    def test_a_code_can_be_read_with_a_tenth_of_it_torn_off(self, api: Api, cafe: str) -> None:
        issued = issue(api)
        image = Image.open(io.BytesIO(posters.png(issued["url"]))).convert("L")
        torn = [image.width * 3 // 8, image.height * 3 // 8, image.width * 6 // 8, image.height * 5 // 8]
        ImageDraw.Draw(image).rectangle(torn, fill=255)
        assert scanned(image) == issued["url"]

    @pytest.mark.parametrize(
        ("accept", "wanted", "kind"),
        [
            ("application/json", "png", "image/png"), ("image/png", "svg", "image/svg+xml"),
            ("image/png", "json", "application/json"), ("*/*", None, "application/json"),
            ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", None, "image/svg+xml"),
        ],
    )  # fmt: skip
    def test_the_format_is_asked_for_by_accept_or_by_name(
        self, api: Api, cafe: str, accept: str, wanted: str | None, kind: str
    ) -> None:
        issue(api)
        query = {} if wanted is None else {"format": wanted}
        answer = api.get("venues/cafe/qr-code", accept=accept, **query)
        assert answer.headers["content-type"].startswith(kind)

    def test_another_format_is_refused(self, api: Api, cafe: str) -> None:
        issue(api)
        assert api.get("venues/cafe/qr-code", format="gif").status_code == 422


class TestPoster:
    def page(self, api: Api, venue: str = "cafe", **query: str) -> ElementTree.Element:
        answer = api.get(f"venues/{venue}/poster", **query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        return ElementTree.fromstring(answer.text)  # noqa: S314 # our own

    def text(self, page: ElementTree.Element) -> str:
        body = page.find("h:body", NS)
        assert body is not None
        return " ".join(" ".join(body.itertext()).split())

    def test_a_scanner_reads_the_code_on_it(self, api: Api, cafe: str) -> None:
        issued = issue(api)
        svg = self.page(api).find(".//h:figure", NS)
        assert svg is not None
        assert scanned(photographed(svg[0], svg[0].tag.removesuffix("svg"))) == issued["url"]

    def test_it_says_in_both_languages_where_one_is_and_what_to_do(self, api: Api, cafe: str) -> None:
        issue(api)
        said = self.text(self.page(api))
        for words in (
            "Cà phê Hoa Sữa", "12 Lê Lợi, Phường Phúc Xá, Quận Ba Đình, Thành phố Hà Nội",
            "Quét mã khi vào, quét lại khi ra", "Scan when you come in, scan again when you leave",
            "đã ở đây 1 giờ 30 phút", "stayed 1 h 30 min", "Mã số 1", "Code no. 1",
        ):  # fmt: skip
            assert words in said

    @pytest.mark.parametrize(("lang", "there", "missing"), [("vi", "Khi ra", "Leaving"), ("en", "Leaving", "Khi ra")])
    def test_it_can_be_had_in_one_language(self, api: Api, cafe: str, lang: str, there: str, missing: str) -> None:
        issue(api)
        page = self.page(api, lang=lang)
        assert page.attrib["lang"] == lang
        assert there in self.text(page)
        assert missing not in self.text(page)

    def test_at_a_checkpoint_it_says_who_sees_the_name(self, api: Api) -> None:
        for kind, seen in (("checkpoint", True), ("market", False)):
            api.venue(kind, kind=kind)
            issue(api, kind)
            said = self.text(self.page(api, kind))
            assert ("can see your name and phone number" in said) == seen
            assert ("does not show your name" in said) == (not seen)

    def test_it_says_until_when_the_code_counts_in_local_time(self, api: Api, cafe: str) -> None:
        issue(api)
        api.post("venues/cafe/qr-codes/1/end", {"at": LATER})
        assert "valid until 00:00 01/01/2100" in self.text(self.page(api))

    def test_whatever_a_venue_is_called_stays_text(self, api: Api) -> None:
        name, address = '<script>alert(1)</script> & "Sons" {{ 7 * 7 }} ]]>', "</address><img src=x>'"
        api.venue("odd", name=name, address=address)
        issue(api, "odd")
        page = self.page(api, "odd")
        assert page.findtext("h:head/h:title", None, NS) == page.findtext(".//h:h1", None, NS) == name
        assert address in (page.findtext(".//h:address", None, NS) or "")
        assert page.find(".//h:script", NS) is None

    def test_a_long_name_is_written_smaller(self, api: Api) -> None:
        styles = []
        for length in (10, 50, 100, 200):
            api.venue(f"v{length}", name="W" * length)
            issue(api, f"v{length}")
            style = self.page(api, f"v{length}").findtext("h:head/h:style", "", NS)
            styles.append(int(re.findall(r"h1 \{ font-size: (\d+)pt", style)[0]))
        assert styles == sorted(set(styles), reverse=True)

    def test_another_language_is_refused(self, api: Api, cafe: str) -> None:
        issue(api)
        assert api.get("venues/cafe/poster", lang="fr").status_code == 422


class TestReading:
    def test_a_scanned_code_names_the_venue(self, api: Api, cafe: str) -> None:
        issued = issue(api)
        for text in (issued["url"], issued["payload"], issued["url"].lower()):
            answer = api.post("qr-codes/reading", {"text": text})
            assert answer.json() == {"venue_id": cafe, "code": "cafe", "name": "Cà phê Hoa Sữa"}

    def test_what_does_not_count_has_a_problem_of_its_own(self, api: Api, cafe: str) -> None:
        issued = issue(api)
        payload = issued["payload"]
        code, signature = parse_qr_code(payload)
        forger = SigningKeys(bytes(32))
        api.post("venues/cafe/qr-codes/1/end", {"at": LATER})
        wrong: dict[str, dict[str, str]] = {
            "foreign": {"text": "https://qr.example/place/4711"},
            "altered": {"text": payload[:40] + ("A" if payload[40] != "A" else "B") + payload[41:]},
            "forged": {"text": code.text(forger.sign(forger.newest, code.message))},
            "ended": {"text": payload, "at": LATER},
        }
        found = {}
        for kind, body in wrong.items():
            answer = api.post("qr-codes/reading", body)
            assert answer.status_code == 422
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["type"] == f"urn:truyvet:problem:code-{kind}"
            assert body["text"] not in answer.text
            found[kind] = answer.json()["title"]
        assert len(set(found.values())) == 4
        assert api.post("qr-codes/reading", {"text": payload}).status_code == 200
        assert signature != forger.sign(forger.newest, code.message)

    def test_a_replay_after_the_end_does_not_count_and_one_from_before_does(self, api: Api, cafe: str) -> None:
        issued = issue(api)
        api.post("venues/cafe/qr-codes/1/end", {"at": "2021-08-30T12:00:00+07:00"})
        before = api.post("qr-codes/reading", {"text": issued["url"], "at": "2021-08-30T11:59:59+07:00"})
        after = api.post("qr-codes/reading", {"text": issued["url"], "at": "2021-08-30T12:00:00+07:00"})
        assert (before.status_code, after.status_code) == (200, 422)

    def test_other_problems_stay_about_blank(self, api: Api, cafe: str) -> None:
        refused = api.post("venues/cafe/qr-codes/7/end")
        assert refused.json()["type"] == "about:blank"
        assert api.post("qr-codes/reading", {"text": "x", "at": "2021-08-30T12:00:00"}).json()["type"] == "about:blank"

    def test_with_the_public_keys_an_app_knows_a_true_code_by_itself(self, api: Api, cafe: str) -> None:
        code, signature = parse_qr_code(issue(api)["url"])
        (key,) = api.items("qr-codes/signing-keys")
        assert key["signs_new_codes"] is True
        assert key["signing_key"] == code.signing_key.hex()
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public_key"]))
        public.verify(signature, code.message)


class TestWhoMay:
    def test_a_manager_sees_to_the_codes_of_the_own_venue_only(self, api: Api, cafe: str) -> None:
        gym = api.venue("gym")
        issue(api, "gym")
        manager = api.as_("manager", venue="cafe")
        assert manager.post("venues/cafe/qr-codes").status_code == 201
        assert manager.get("venues/cafe/poster").status_code == 200
        for path in ("qr-code", "qr-codes", "poster"):
            assert manager.get(f"venues/{gym}/{path}").status_code == 404
        assert manager.post(f"venues/{gym}/qr-codes").status_code == 404
        assert manager.post(f"venues/{gym}/qr-codes/1/end").status_code == 404

    def test_a_guard_reads_the_code_of_the_own_venue_and_issues_none(self, api: Api, cafe: str) -> None:
        api.venue("gym")
        own, other = issue(api), issue(api, "gym")
        guard = api.as_("guard", venue="cafe")
        assert guard.post("qr-codes/reading", {"text": own["url"]}).status_code == 200
        assert guard.post("qr-codes/reading", {"text": other["url"]}).status_code == 404
        assert guard.get("qr-codes/signing-keys").status_code == 200
        assert guard.post("venues/cafe/qr-codes").status_code == 403
        assert guard.get("venues/cafe/qr-code").status_code == 403
