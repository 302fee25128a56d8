"""The owner's page goes only to a session that the gate made, and nothing but that page can change anything."""

import asyncio
import gc
import re
import sys
import time
from pathlib import Path

import pytest

from firmware_agent.device.linux import LinuxStorage
from firmware_agent.errors import FormatError, Refused, StorageError, Unsealed
from firmware_agent.limits import Buckets
from firmware_agent.model import Session
from firmware_agent.owner.panel import certificate
from firmware_agent.owner.panel.answers import EVENTS, SECURITY, Page
from firmware_agent.owner.panel.guard import hosts
from firmware_agent.owner.panel.lines import group, plain
from firmware_agent.owner.panel.pages import Pages
from firmware_agent.owner.panel.settings import Settings
from host_tests.fakes_panel import CODE, SHOWN, policy_hash
from host_tests.proofs import panel_fuzz
from host_tests.rigs.panel import FILES, Browser, House, Line, until

STOP = {"arguments": {}, "proof": None}
_started: "list[str] | None" = None


def _hook(event, arguments):
    if _started is not None and event == "_thread.start_new_thread":
        _started.append(event)


sys.addaudithook(_hook)


@pytest.fixture
def tls(tmp_path):
    storage = LinuxStorage(tmp_path / "state")
    certificate.ensure(storage, ["127.0.0.1"], int(time.time()))
    return certificate.context(storage.directory)


@pytest.fixture
def threads():
    """The threads that Python started while the test ran."""
    global _started
    _started = []
    yield _started
    _started = None


def story(tmp_path, tell, **settings):
    """Run `tell(house)` in a house with these settings."""

    async def whole():
        async with House(tmp_path, **settings) as house:
            await tell(house)

    asyncio.run(whole())


def routes(house):
    """(method, path) of every route, with a sample in each place."""
    samples = {
        "ident": "ab" * 16,
        "number": "1",
        "policy": policy_hash("snapshot"),
        "action": "stop",
        "name": "app.js",
        "of": "after",
    }
    samples |= {"purpose": "live_view", "recipient": "owner"}
    for method, pattern, _ in house.panel._routes.table():
        path = re.sub(r"<(?:re:.*?:)?(\w+)>", lambda found: samples[found[1]], pattern).replace("\\", "")
        yield method, path


# What it is for


@pytest.mark.parametrize("encrypted", [False, True])
def test_ok__a_phone_pairs_reads_everything_acts_and_leaves(tmp_path, tls, encrypted, threads, capfd):
    async def tell(house):
        phone = await house.paired()
        home = (await phone.get("/api/home")).json
        assert home["encrypted"] is encrypted
        assert [row["code"] for row in home["warnings"]] == (["plain_http"] if not encrypted else []) + ["no_presence"]
        arguments = {
            "of_age": True,
            "choices": [
                {
                    "purpose": row["purpose"],
                    "recipient": row["recipient"],
                    "choice": "allow",
                    "policy": row["policy"],
                    "hours": None,
                }
                for row in home["purposes"]
            ],
        }
        assert (await phone.do("show_code", {"for": "decide", "arguments": arguments})).status == 200
        decided = await phone.do("decide", arguments, {"code": SHOWN})
        assert decided.status == 200 and len(decided.json["records"]) == 3
        entries = (await phone.get("/api/timeline?count=2")).json
        assert len(entries["entries"]) == 2 and entries["more"]
        before = (await phone.get("/api/timeline?before=2&count=100")).json["entries"]
        assert [row["number"] for row in before] == [1]
        ident = next(row["ident"] for row in entries["entries"] if row["viewable"])
        assert (await phone.get("/api/payload/" + ident)).json["bytes"] > 0
        receipt = await phone.get("/api/receipt/1")
        assert receipt.json["sequence"] == 1 and receipt.headers["content-type"] == "application/ld+json"
        text = await phone.get("/api/policy/" + policy_hash("snapshot"))
        assert "Camera snapshot" in text.body.decode()
        assert len((await phone.get("/api/nonce")).json["nonce"]) == 32
        archive = await phone.get("/archive.zip")
        assert archive.body[:2] == b"PK" and "attachment" in archive.headers["content-disposition"]
        assert (await phone.do("stop")).json["destroyed"] == 9
        left = await phone.post("/api/leave")
        assert left.status == 200 and "Max-Age=0" in left.headers["set-cookie"]
        assert (await phone.get("/api/home")).status == 401

    story(tmp_path, tell, tls=tls if encrypted else None)
    assert threads == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("encrypted", [False, True])
def test_ok__the_cookie_is_for_this_host_and_for_no_script(tmp_path, tls, encrypted):
    async def tell(house):
        said = await house.post("/pair", {"code": CODE, "name": "a phone"})
        name, *rest = said.headers["set-cookie"].split("; ")
        wanted = {"Path=/", "HttpOnly", "SameSite=Strict"} | ({"Secure"} if encrypted else set())
        assert re.fullmatch(r"(__Host-)?session=[0-9a-f]{32}", name)
        assert name.startswith("__Host-") is encrypted
        assert {one for one in rest if not one.startswith("Max-Age=")} == wanted
        assert said.json == {"ok": True}

    story(tmp_path, tell, tls=tls if encrypted else None)


def test_ok__static_files_are_sent_again_only_if_they_changed(tmp_path):
    async def tell(house):
        first = await house.get("/pages/panel.css")
        assert first.body.decode() == FILES["panel.css"] and first.headers["cache-control"] == "no-cache"
        again = await house.get("/pages/panel.css", if_none_match=first.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        (house.pages / "panel.css").write_text("p { margin: 1px }")
        changed = await house.get("/pages/panel.css", if_none_match=first.headers["etag"])
        assert changed.status == 200 and changed.body != first.body

    story(tmp_path, tell)


def test_ok__a_language_is_added_by_adding_its_file(tmp_path):
    async def tell(house):
        assert (await house.get("/doorbell")).json["words"] == ["en", "zh"]
        (house.pages / "words.pt-BR.txt").write_text("language = Português\n")
        assert (await house.get("/doorbell")).json["words"] == ["en", "pt-BR", "zh"]
        assert (await house.get("/pages/words.pt-BR.txt")).body.decode() == "language = Português\n"

    story(tmp_path, tell)


def test_ok__what_one_browser_does_every_open_page_sees(tmp_path):
    async def tell(house):
        phones = [await house.paired(f"phone {number}") for number in range(3)]
        lives = [await phone.live() for phone in phones]
        assert (await phones[0].do("refuse", {"purpose": "snapshot", "recipient": "lightmake"})).status == 200
        for live in lives:
            assert b'data: {"what":"home"}' in await live.until(b"\n\n")
        house.desk.leaves()
        for live in lives:
            assert b'data: {"what":"entry"}' in await live.until(b"\n\n")
            live.close()
        await until(lambda: not house.desk._listeners)  # nobody listens for a page that is gone

    story(tmp_path, tell)


def test_ok__a_live_view_in_which_nothing_happens_shows_signs_of_life(tmp_path):
    async def tell(house):
        live = await (await house.paired()).live()
        await live.until(b": \n\n")
        await live.until(b": \n\n")

    story(tmp_path, tell, beat=0.05)


def test_ok__one_connection_carries_several_requests_in_order(tmp_path):
    async def tell(house):
        line = await house.line()
        for name in ("panel.css", "shared.js", "icon.svg"):
            await line.send(house.request("GET", "/pages/" + name))
            assert (await line.answer()).body.decode() == FILES[name]
        both = house.request("GET", "/pages/panel.css") + house.request("GET", "/pages/shared.js")
        await line.send(both)
        found = await line.until(FILES["shared.js"].encode())
        assert found.index(FILES["panel.css"].encode()) < found.index(FILES["shared.js"].encode())

    story(tmp_path, tell)


# The exit


@pytest.mark.clause("L16")
@pytest.mark.attack(9)
@pytest.mark.parametrize("who", ["nobody", "a guess", "another run", "an ended session", "a wrong name", "twice"])
def test_fail__without_a_session_there_is_the_pairing_page_and_nothing_else(tmp_path, who):
    async def tell(house):
        async with House(tmp_path) as other:
            foreign = await other.paired()
        ended = await house.paired()
        house.world.gate.close(house.world.gate.by_ident(ended.ident))
        good = await house.paired()
        name = house.settings.cookie
        browser = Browser(
            house,
            {
                "nobody": None,
                "a guess": f"{name}={'0' * 32}",
                "another run": foreign.cookie,
                "an ended session": ended.cookie,
                "a wrong name": good.cookie.replace("session", "sessions"),
                "twice": f"{good.cookie}; {good.cookie}",
            }[who],
        )
        browser.token = good.token
        before, open_to_all = list(house.desk.calls), []
        for method, path in routes(house):
            said = await (browser.get(path) if method == "GET" else browser.post(path, STOP))
            if said.status == 401:
                assert said.error in ("not_a_session", "session_ended")
                assert "set-cookie" not in said.headers
            else:
                open_to_all.append(path)
        assert open_to_all == ["/", "/doorbell", "/pair", "/login"]
        for name, text in FILES.items():
            said = await browser.get("/pages/" + name)
            assert (said.status == 200) is (name not in ("app.html", "app.js")), name
            assert (said.body.decode() == text) is (said.status == 200)
        assert (await browser.get("/")).body.decode() == FILES["pair.html"]
        assert house.desk.calls == before
        # the control: with the session all of it is there
        for method, path in routes(house):
            apart = ("/api/receipt", "/api/payload", "/api/events", "/api/watch", "/api/leave")
            if path in open_to_all or path.startswith(apart):
                continue
            assert (await (good.get(path) if method == "GET" else good.post(path, STOP))).status == 200, path
        assert (await good.get("/")).body.decode() == FILES["app.html"]
        assert (await good.post("/api/leave")).status == 200

    story(tmp_path, tell)


@pytest.mark.attack(9)
def test_fail__a_page_for_another_session_or_for_none_that_the_gate_made(tmp_path):
    async def tell(house):
        gate, panel = house.world.gate, house.panel
        mine, other = gate.open("owner", b"", "mine", 1e9), gate.open("viewer", b"", "other", 1e9)
        made_up = Session(b"i" * 16, "owner", b"", "made up", 1e9, b"s" * 32)

        class Place:
            session = mine

        panel._verify(Place, Page(mine, b"{}"))  # the control
        for place, page in ((mine, other), (None, mine), (made_up, made_up), (None, None)):
            Place.session = place
            with pytest.raises(Unsealed):
                panel._verify(Place, Page(page, b"{}"))
        Place.session = mine
        with pytest.raises(Unsealed):
            panel._verify(Place, object())
        gate.close(mine)
        with pytest.raises(Refused, match="session_ended"):
            panel._verify(Place, Page(mine, b"{}"))

    story(tmp_path, tell)


@pytest.mark.attack(9)
def test_fail__a_session_that_ends_while_its_page_is_made_does_not_get_it(tmp_path):
    async def tell(house):
        phone = await house.paired()
        made = house.desk.home

        def home(session):
            found = made(session)
            house.world.gate.close(session)
            return found

        house.desk.home = home
        said = await phone.get("/api/home")
        assert (said.status, said.error) == (401, "session_ended")
        assert b"purposes" not in said.body

    story(tmp_path, tell)


@pytest.mark.attack(9)
@pytest.mark.parametrize("ends", [False, True])
def test_fail__a_session_that_ends_while_its_archive_is_sent_does_not_get_the_rest(tmp_path, ends):
    size = 8 * 1024 * 1024

    async def tell(house):
        phone = await house.paired()
        house.desk.archive = lambda session: bytes(size)
        line = await house.line()
        await line.send(house.request("GET", "/archive.zip", cookie=phone.cookie))
        found = len(await line.data())
        if ends:
            house.world.gate.close(house.world.gate.by_ident(phone.ident))
        while data := await line.data():
            found += len(data)
            if found >= size and not ends:
                break
        assert (found < size) is ends

    story(tmp_path, tell)


@pytest.mark.clause("L16")
def test_ok__when_a_session_ends_its_live_views_are_cut_and_no_others(tmp_path):
    async def tell(house):
        phones = [await house.paired(f"phone {number}") for number in range(2)]
        ended, other = [await phone.live() for phone in phones]
        idle = await house.line()
        await idle.send(house.request("GET", "/api/home", cookie=phones[0].cookie))
        assert (await idle.answer()).status == 200
        house.world.gate.close(house.world.gate.by_ident(phones[0].ident))
        assert await ended.ends() == b""
        assert await idle.ends() == b""
        house.desk.leaves()
        assert b"entry" in await other.until(b"\n\n")

    story(tmp_path, tell)


def test_ok__an_erase_ends_every_session_and_still_gives_its_receipt(tmp_path):
    async def tell(house):
        owner, other = await house.paired("owner"), await house.paired("other")
        live = await other.live()
        assert (await owner.do("show_code", {"for": "erase", "arguments": {}})).status == 200
        said = await owner.do("erase", {}, {"code": SHOWN})
        assert said.status == 200 and said.json["stores"]
        assert "Max-Age=0" in said.headers["set-cookie"]
        assert await live.ends() == b""
        assert (await owner.get("/api/home")).status == (await other.get("/api/home")).status == 401

    story(tmp_path, tell)


@pytest.mark.parametrize("act", ["leave", "its own end"])
def test_ok__the_last_answer_to_a_session_is_read_before_its_connections_are_cut(tmp_path, act):
    async def tell(house):
        for _ in range(20):
            phone = await house.paired()
            if act == "leave":
                data = house.request("POST", "/api/leave", cookie=phone.cookie, x_token=phone.token)
            else:
                session = house.world.gate.by_ident(phone.ident)

                async def do(*_, session=session):
                    house.world.gate.close(session)
                    return {}

                house.desk.do = do
                data = house.request("POST", "/api/do/stop", STOP, cookie=phone.cookie, x_token=phone.token)
            line = await house.line()
            line.writer.transport.pause_reading()
            await line.send(data)
            await until(lambda phone=phone: house.world.gate.by_ident(phone.ident) is None)
            for _ in range(20):
                await asyncio.sleep(0)
            house.panel.sweep()
            line.writer.transport.resume_reading()
            assert (await line.answer()).status == (200 if act == "leave" else 401)
            line.close()

    story(tmp_path, tell)


# Attacks by foreign pages


@pytest.mark.attack(6)
@pytest.mark.parametrize(
    "forged",
    [
        {"origin": None},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "https://HOST"},
        {"origin": "http://HOST.evil.example"},
        {"origin": "http://HOST/"},
        {"origin": "http://HOST", "sec_fetch_site": "cross-site"},
        {"origin": "http://HOST", "sec_fetch_site": "same-site"},
        {"x_token": None},
        {"x_token": ""},
        {"x_token": "0" * 64},
        {"x_token": "ÿ" * 64},
        {"content_type": None},
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "multipart/form-data; boundary=x"},
        {"content_type": "application/json-seq"},
        {"content_type": "application/json; charset=utf-16"},
    ],
)
def test_fail__a_foreign_page_posts(tmp_path, forged):
    async def tell(house):
        phone = await house.paired()
        headers = {name: value and value.replace("HOST", house.host) for name, value in forged.items()}
        before = list(house.desk.calls)
        said = await phone.do("stop", **headers)
        assert (said.status, said.error) in ((403, "origin"), (403, "token"), (415, "content_type"))
        assert house.desk.calls == before
        assert (await phone.do("stop")).status == 200  # the control
        assert house.desk.calls == [*before, "stop"]

    story(tmp_path, tell)


@pytest.mark.attack(6)
def test_fail__the_token_of_another_session_or_of_another_run(tmp_path):
    async def tell(house):
        one, two = await house.paired("one"), await house.paired("two")
        before = list(house.desk.calls)
        assert one.token != two.token
        assert (await one.do("stop", x_token=two.token)).error == "token"
        async with House(tmp_path) as other:
            other.world.gate._open = house.world.gate._open  # the very same sessions, and another key of the run
            other.world.gate._key = house.world.gate._key
            same = await Browser(other, one.cookie).open()
            assert same.token != one.token
            assert (await other.post("/api/do/stop", STOP, cookie=one.cookie, x_token=one.token)).error == "token"
            assert other.desk.calls == []
        assert house.desk.calls == before

    story(tmp_path, tell)


@pytest.mark.attack(6)
@pytest.mark.parametrize(
    "forged", [{"origin": None}, {"origin": "https://evil.example"}, {"content_type": "text/plain"}]
)
def test_fail__a_foreign_page_pairs_or_signs_in(tmp_path, forged):
    async def tell(house):
        for path in ("/pair", "/login"):
            said = await house.post(path, {"code": CODE, "name": "a phone"}, **forged)
            assert said.status in (403, 415) and "set-cookie" not in said.headers
        assert house.desk.calls == [] and house.world.doorbell.tries == 5
        await house.paired()  # the control
        assert house.desk.calls == ["pair"]

    story(tmp_path, tell)


@pytest.mark.attack(6)
def test_fail__a_get_changes_nothing(tmp_path):
    async def tell(house):
        phone = await house.paired()
        before = list(house.desk.calls)
        for method, path in routes(house):
            if path == "/api/events":
                continue
            for headers in ({"x_token": phone.token}, {"origin": house.origin, "x_token": phone.token}):
                said = await phone.get(path, **headers)
                assert (said.status == 405) is (method == "POST"), path
        assert house.desk.calls == before

    story(tmp_path, tell)


@pytest.mark.attack(6)
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "CONNECT", "PROPFIND", "get"])
def test_fail__any_other_method(tmp_path, method):
    async def tell(house):
        phone = await house.paired()
        before = list(house.desk.calls)
        for cookie in (phone.cookie, None):
            for _, path in routes(house):
                data = house.request(method, path, cookie=cookie, x_token=phone.token, origin=house.origin)
                said = await house.raw(data, head=method == "HEAD")
                assert said.status == 405
                assert not [name for name in said.headers if name.startswith(("access-control", "allow"))]
                assert (said.body == b"") is (method == "HEAD")
        assert house.desk.calls == before

    story(tmp_path, tell)


@pytest.mark.attack(6)
def test_fail__a_foreign_page_embeds_or_fetches_what_a_session_sees(tmp_path):
    async def tell(house):
        phone = await house.paired()
        for path in ("/api/home", "/archive.zip", "/pages/app.js", "/api/events"):
            for site in ("cross-site", "same-site"):
                assert (await phone.get(path, sec_fetch_site=site)).error == "origin"
        assert (await phone.get("/api/home", sec_fetch_site="same-origin")).status == 200  # the controls
        assert (await phone.get("/archive.zip", sec_fetch_site="none")).status == 200
        assert (await house.get("/", sec_fetch_site="cross-site")).status == 200  # a link to the first page

    story(tmp_path, tell)


@pytest.mark.attack(7)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:PORT",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.2:PORT",
        "127.0.0.1.evil.example:PORT",
        "127.1:PORT",
        "2130706433:PORT",
        "[::1]:PORT",
        "127.0.0.1:PORT:PORT",
        "user@127.0.0.1:PORT",
        "127.0.0.1:PORT, evil.example",
        "printer.local.:PORT",
        "",
        None,
    ],
)
def test_fail__a_foreign_name_points_here(tmp_path, host):
    async def tell(house):
        phone = await house.paired()
        before = list(house.desk.calls)
        port = str(house.panel.port)
        name = host and host.replace("PORT", port)
        for path in ("/", "/doorbell", "/api/home", "/pages/app.js"):
            said = await phone.get(path, host=name)
            assert (said.status, said.error) in ((403, "host"), (400, "malformed")), path
        said = await phone.do("stop", host=name, origin=f"http://{name}")
        assert (said.status, said.error) in ((403, "host"), (400, "malformed"))
        assert house.desk.calls == before
        for good in (
            f"127.0.0.1:{port}",
            f"localhost:{port}",
            f"LOCALHOST:{port}",
            f"printer.local:{port}",
            "gate.lan:8",
        ):
            assert (await phone.get("/api/home", host=good)).status == 200, good  # the controls

    story(tmp_path, tell, names=("printer.local", "gate.lan:8"))


@pytest.mark.attack(7)
def test_ok__away_from_loopback_there_is_no_localhost_and_the_usual_port_needs_no_number(tls, tmp_path):
    plain, safe = Settings(pages=tmp_path), Settings(pages=tmp_path, names=("printer.local",), tls=tls)
    assert hosts(("192.168.1.5", 8080), plain) == {"192.168.1.5:8080"}
    assert hosts(("192.168.1.5", 80), plain) == {"192.168.1.5:80", "192.168.1.5"}
    assert hosts(("fd00::5", 443), safe) == {"[fd00::5]:443", "[fd00::5]", "printer.local:443", "printer.local"}
    assert hosts(("192.168.1.5", 80), safe) == {"192.168.1.5:80", "printer.local:80"}


@pytest.mark.attack(8)
def test_fail__any_answer_in_a_foreign_frame(tmp_path):
    """And all else that every answer, whatever its status, tells the browser."""

    async def tell(house):
        phone = await house.paired()
        live = await house.line()
        await live.send(house.request("GET", "/api/events", cookie=phone.cookie))
        head = (await live.until(b"\r\n\r\n")).decode().lower()
        assert EVENTS in head
        for name, value in SECURITY:
            assert f"\r\n{name}: {value}\r\n".lower() in head
        css = await house.get("/pages/panel.css")
        answers = [
            css,
            await house.get("/pages/panel.css", if_none_match=css.headers["etag"]),
            await house.get("/"),
            await phone.get("/"),
            await phone.get("/api/home"),
            await house.get("/api/home"),
            await phone.get("/no/such"),
            await phone.post("/api/home"),
            await phone.do("stop", origin="https://evil.example"),
            await phone.do("withdraw", {"purpose": "no such"}),
            await house.raw(b"no request\r\n\r\n"),
            await house.raw(house.request("HEAD", "/"), head=True),
            await phone.do("stop"),
        ]
        assert [said.status for said in answers] == [200, 304, 200, 200, 200, 401, 404, 405, 403, 403, 400, 405, 200]
        for said in answers:
            found = {name: value for name, value in said.pairs}
            assert len(found) == len(said.pairs)
            for name, value in SECURITY:
                assert found[name.lower()] == value
            assert "frame-ancestors 'none'" in found["content-security-policy"]
            assert "unsafe" not in found["content-security-policy"]
            assert found["cache-control"] in ("no-store", "no-cache")
            assert not {"server", "date", "x-powered-by", "strict-transport-security", "location"} & set(found)
        assert [said.headers["cache-control"] for said in answers[:4]] == ["no-cache"] * 4
        assert {said.headers["cache-control"] for said in answers[4:]} == {"no-store"}

    story(tmp_path, tell)


# What no browser sends


def shapes(host):
    """name -> bytes that are not one request that our page makes."""
    head = f"GET / HTTP/1.1\r\nHost: {host}\r\n"
    post = f"POST /pair HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: application/json\r\n"
    body = '{"code":"12345678","name":"smuggled"}'
    inner = f"{post}Content-Length: {len(body)}\r\n\r\n{body}"
    return {
        "chunked": f"{post}Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\n\r\n",
        "length and chunked": f"{post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
        "chunked and length": f"{post}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n{inner}",
        "chunked in other words": f"{post}Transfer-Encoding: xchunked\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        "a space before the colon": f"{post}Transfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n{inner}",
        "two lengths": f"{post}Content-Length: 0\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        "lengths with a comma": f"{post}Content-Length: 0, {len(body)}\r\n\r\n{body}",
        "a signed length": f"{post}Content-Length: +{len(body)}\r\n\r\n{body}",
        "a negative length": f"{post}Content-Length: -1\r\n\r\n{body}",
        "a hexadecimal length": f"{post}Content-Length: 0x25\r\n\r\n{body}",
        "no length": f"{post}\r\n{body}",
        "a body for a GET": f"{head}Content-Length: {len(inner)}\r\n\r\n{inner}",
        "two hosts": f"{head}Host: {host}\r\n\r\n",
        "two origins": f"{post}Origin: http://{host}\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        "two cookies": f"{head}Cookie: a=b\r\nCookie: c=d\r\n\r\n",
        "no host": "GET / HTTP/1.1\r\n\r\n",
        "HTTP/0.9": "GET /\r\n\r\n",
        "HTTP/1.0": f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n",
        "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/9.9": f"GET / HTTP/9.9\r\nHost: {host}\r\n\r\n",
        "an absolute address": f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "a foreign absolute address": f"GET http://evil.example/ HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "a star": f"GET * HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "an escape in the query": f"GET /api/timeline?before=%31 HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "a name twice in the query": f"GET /api/timeline?count=1&count=2 HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "an upgrade": f"{head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "an expectation": f"{post}Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        "a packed body": f"{post}Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        "a lonely carriage return": f"{head}X: a\rSet-Cookie: b\r\n\r\n",
        "a zero byte": f"{head}X: a\0b\r\n\r\n",
        "a header without a name": f"{head}: a\r\n\r\n",
        "a header without a colon": f"{head}nonsense\r\n\r\n",
        "a first line that goes on": f"GET /\r\n / HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "not even text": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "only lines": "\r\n" * 20,
    }


@pytest.mark.parametrize("shape", sorted(shapes("x")))
def test_fail__a_request_that_two_readers_could_read_otherwise(tmp_path, shape):
    async def tell(house):
        line = await house.line()
        await line.send(shapes(house.host)[shape].encode("latin-1"))
        line.writer.write_eof()
        found = await line.ends()
        assert found.count(b"HTTP/1.1 ") <= 1
        assert found.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 405 ", b"HTTP/1.1 413 ")) or found == b""
        assert house.desk.calls == []
        assert house.world.doorbell.tries == 5
        await house.paired()  # the control

    story(tmp_path, tell)


def test_fail__a_head_or_a_body_that_is_too_large(tmp_path):
    async def tell(house):
        phone = await house.paired()
        before = list(house.desk.calls)
        long = "a" * 20_000
        assert (await house.get("/", x_long=long)).status == 413
        assert (await house.get("/" + long)).status == 413
        assert (await house.raw(b"GET /" + b"a" * 100_000)).status == 413
        assert (await house.get("/", **{f"x_{number}": "a" * 100 for number in range(200)})).status == 413
        for size in (16 * 1024 + 1, 10**9, 10**30):
            said = await phone.do("stop", content_length=str(size))
            assert said.status in (400, 413)
        fits, too_long = [b'{"arguments":{"pad":"%s"}}' % (b"a" * count) for count in (16 * 1024 - 40, 16 * 1024)]
        assert (await phone.post("/api/do/stop", too_long)).status == 413
        assert house.desk.calls == before
        assert (await phone.post("/api/do/stop", fits)).status == 200  # the control

    story(tmp_path, tell)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"{} {}",
        b'{"arguments":{}}x',
        b'{"arguments":{},"arguments":{}}',
        b'{"arguments":{"a":1,"a":1}}',
        b'{"arguments":{"a":NaN}}',
        b'{"arguments":{"a":-Infinity}}',
        b'{"arguments":{"a":1e999}}',
        b'{"arguments":{"a":%s}}' % (b"9" * 17),
        b'{"arguments":{"a":%s}}' % (b"9" * 9000),
        b'{"arguments":{"a":"\\ud800"}}',
        b'{"arguments":{"\\udfff":1}}',
        b'{"arguments":{"a":"\xff"}}',
        b'\xef\xbb\xbf{"arguments":{}}',
        '{"arguments":{}}'.encode("utf-16"),
        b'{"arguments":' + b"[" * 16000,
        b'{"arguments":{"a":' + b"[" * 8 + b"]" * 8 + b"}}",
        b'{"arguments":[]}',
        b'{"arguments":null}',
        b'{"proof":null}',
        b'{"arguments":{},"more":1}',
        b'{"arguments":{},"proof":[]}',
        b'{"arguments":{},"proof":{}}',
        b'{"arguments":{},"proof":{"code":1}}',
        b'{"arguments":{},"proof":{"code":"1","body":"2"}}',
        b"{'arguments':{}}",
        b'{"arguments":{},}',
    ],
)
def test_fail__a_body_that_is_not_one_strict_object(tmp_path, body):
    async def tell(house):
        phone = await house.paired()
        before = list(house.desk.calls)
        said = await phone.post("/api/do/stop", body)
        assert (said.status, said.error) == (400, "malformed")
        assert house.desk.calls == before
        for good in (b'{"arguments":{}}', b' {"arguments":{"a":[[[1.5]]]},"proof":{"code":"1"}} '):
            assert (await phone.post("/api/do/stop", good)).status == 200  # the control

    story(tmp_path, tell)


@pytest.mark.parametrize(
    "path",
    [
        "/pages/../app.html",
        "/pages/..",
        "/pages/.hidden",
        "/pages/%2e%2e/secret.txt",
        "/pages//app.js",
        "/pages/app.js/",
        "/pages/secret",
        "/pages/link.txt/..",
        "/api/home/",
        "//api/home",
        "/api/do/",
        "/api/do/no_such",
        "/api/do/stop/",
        "/api/receipt/-1",
        "/api/receipt/1x",
        "/api/payload/AB",
        "/api/policy/00",
        "/archiveXzip",
        "/api",
        "/favicon.ico",
        "/index.html",
    ],
)
def test_fail__a_path_that_is_none_of_ours(tmp_path, path):
    async def tell(house):
        (house.pages / "secret").write_text("x")
        (house.pages / ".hidden").write_text("x")
        (tmp_path / "secret.txt").write_text("x")
        phone = await house.paired()
        for said in (await phone.get(path), await phone.post(path, STOP)):
            assert said.status in (404, 405) and said.error in ("not_found", "method")
        assert (await house.get(path)).status in (401, 404)
        assert house.desk.calls == ["pair"]

    story(tmp_path, tell)


@pytest.mark.parametrize("name", ["../secret.txt", "..", ".hidden.txt", "a/b.txt", "app", "app.exe", "", "a.txt\n"])
def test_fail__a_name_that_is_no_page(tmp_path, name):
    """Whatever a path may say: the reader of the files takes only plain names of known kinds."""
    (tmp_path / "secret.txt").write_text("x")
    (tmp_path / "pages").mkdir()
    for file in (".hidden.txt", "app", "app.exe", "a.txt"):
        (tmp_path / "pages" / file).write_text("x")
    pages = Pages(tmp_path / "pages")
    assert pages.read(name) is None
    assert pages.read("a.txt")[0] == b"x"  # the control


@pytest.mark.parametrize("query", ["before=x", "before=-1", "count=0", "count=101", "count=", "count=1.5", "more=1"])
def test_fail__a_timeline_without_bounds(tmp_path, query):
    async def tell(house):
        assert (await (await house.paired()).get("/api/timeline?" + query)).status == 400

    story(tmp_path, tell)


# Errors


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (Refused("not_your_role"), 403, "not_your_role"),
        (Refused("session_ended"), 401, "session_ended"),
        (FormatError("payload: none of ours; look at the timeline"), 400, "fault"),
        (StorageError("the flash is full; make room"), 503, "fault"),
        (ValueError("a secret value"), 500, "fault"),
    ],
)
@pytest.mark.attack(16)
def test_fail__an_error_is_told_by_its_name_and_its_values_to_nobody(tmp_path, caplog, capfd, error, status, name):
    async def tell(house):
        phone = await house.paired()

        def fails(*_):
            raise error

        house.desk.home = house.desk.timeline = house.world.doorbell.state = fails
        said = await phone.get("/api/home")
        assert (said.status, said.error) == (status, name)
        assert ("purposes" not in said.json) and said.json["text"]
        stranger = await house.get("/doorbell")
        assert stranger.status >= 400
        if isinstance(error, (StorageError, ValueError)):
            assert str(error) not in stranger.body.decode()
        assert (await phone.get("/api/nonce")).status == 200  # it goes on

    story(tmp_path, tell)
    assert "secret" not in caplog.text and "flash" not in caplog.text
    assert (type(error).__name__ in caplog.text) is (status >= 500)
    assert capfd.readouterr() == ("", "")


def test_fail__a_live_view_that_breaks_ends_and_says_nothing_of_values(tmp_path, caplog, capfd):
    async def tell(house):
        phone = await house.paired()

        async def changes(session):
            yield {"what": "home"}
            raise ValueError("a secret value")

        house.desk.changes = changes
        live = await house.line()
        await live.send(house.request("GET", "/api/events", cookie=phone.cookie))
        assert b"home" in await live.ends()
        assert (await phone.get("/api/home")).status == 200

    story(tmp_path, tell)
    assert "ValueError" in caplog.text and "secret" not in caplog.text
    assert capfd.readouterr() == ("", "")


# Too much and too slow


def test_fail__a_fifth_live_view_of_one_session(tmp_path):
    async def tell(house):
        phone, other = await house.paired(), await house.paired()
        lives = [await phone.live() for _ in range(4)]
        assert (await phone.get("/api/events")).status == 429
        await other.live()
        lives[0].close()
        await until(lambda: house.panel._crowd.live(phone.ident) == 3)
        await phone.live()

    story(tmp_path, tell)


def test_fail__strangers_who_ask_too_often_and_nobody_else_feels_it(tmp_path):
    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    clock = Clock()

    async def tell(house):
        phone = await house.paired()
        statuses = []
        for _ in range(110):
            clock.now += 0.1  # so that it is not the connections that are too many
            statuses.append((await house.get("/doorbell", "127.0.0.9")).status)
        assert statuses[0] == 200 and statuses[-1] == 429
        tries = house.world.doorbell.tries
        assert (await house.post("/pair", {"code": "00000000", "name": "x"}, "127.0.0.9")).status == 429
        assert house.world.doorbell.tries == tries
        assert (await house.get("/doorbell", "127.0.0.10")).status == 200
        assert (await phone.get("/api/home")).status == 200
        clock.now += 60
        assert (await house.get("/doorbell", "127.0.0.9")).status == 200

    story(tmp_path, tell, ticks=clock)


def test_fail__connections_that_come_too_often(tmp_path):
    clock = [1000.0]

    async def tell(house):
        answered = [await house.get("/pages/panel.css", "127.0.0.9") for _ in range(70)]
        assert answered[0] is not None and answered[-1] is None
        assert (await house.get("/pages/panel.css", "127.0.0.10")).status == 200
        clock[0] += 60
        assert (await house.get("/pages/panel.css", "127.0.0.9")).status == 200

    story(tmp_path, tell, ticks=lambda: clock[0])


def test_ok__a_client_counts_by_its_address_and_one_of_ipv6_by_its_network():
    assert group(("192.168.1.5", 1)) == group(("::ffff:192.168.1.5", 2, 0, 0)) == "192.168.1.5"
    assert group(("fd00::1", 1, 0, 0)) == group(("fd00::ffff:2", 2, 0, 0)) != group(("fd00:0:0:1::1", 1, 0, 0))
    assert plain(("fe80::1%eth0", 8443, 0, 2)) == ("fe80::1", 8443)
    assert plain(None)[0] not in hosts(("192.168.1.5", 80), Settings(pages=Path()))


def test_ok__a_bound_for_each_of_many_is_kept_in_bounded_memory():
    now = [0.0]
    buckets = Buckets(1, 3, lambda: now[0], most=10)
    assert [buckets.take("one") for _ in range(4)] == [True, True, True, False]
    now[0] += 2
    assert [buckets.take("one") for _ in range(3)] == [True, True, False]
    assert all(buckets.take(name) for name in range(1000))
    assert len(buckets._left) == 10


@pytest.mark.parametrize("said", [b"", b"G", b"GET / HTTP/1.1\r\nHost: ", b"POST /pair HTTP/1.1\r\n"])
def test_fail__slow_and_silent_clients_delay_nobody(tmp_path, said):
    """Far more of them than there is room for, from few and from many addresses; nobody's deadline has passed."""

    async def tell(house):
        phone = await house.paired()
        live = await phone.live()
        slow = []
        for number in range(60):
            line = await house.line(f"127.0.0.{20 + number % 10}" if number % 2 else "127.0.0.2")
            if said:
                await line.send(said)
            slow.append(line)
        for source in ("127.0.0.1", "127.0.0.2", "127.0.0.20", "127.0.0.99"):
            assert (await house.get("/", source)).status == 200
        assert (await phone.do("stop")).status == 200
        assert len(house.panel._crowd) <= 16
        house.desk.leaves()
        assert b"entry" in await live.until(b'"entry"}\n\n')

    story(tmp_path, tell, lines=16, lines_each=4, asking=3600.0, idle=3600.0)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost",
        b"POST /pair HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\nContent-Type: application/json\r\n"
        b"Content-Length: 40\r\n\r\n{",
    ],
)
def test_fail__whoever_does_not_finish_is_left(tmp_path, said):
    async def tell(house):
        line = await house.line()
        await line.send(said.replace(b"HOST", house.host.encode()))
        assert await line.ends() == b""
        assert len(house.panel._crowd) == 0
        assert house.desk.calls == []

    story(tmp_path, tell, asking=0.1, idle=0.1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("greets", [False, True])
def test_fail__whoever_does_not_speak_tls_is_left(tmp_path, tls, greets, caplog, capfd):
    async def tell(house):
        for number in range(20):
            line = await house.line(f"127.0.0.{3 + number}", encrypted=False)
            await line.send(house.request("GET", "/") if greets else b"")
        assert b"HTTP" not in await line.ends()
        assert (await house.get("/")).status == 200
        await until(lambda: len(house.panel._crowd) == 0)

    story(tmp_path, tell, tls=tls, asking=0.5, lines=8)
    gc.collect()
    assert caplog.text == "" and capfd.readouterr() == ("", "")


def test_fail__whoever_does_not_read_is_left_and_nothing_piles_up(tmp_path):
    size = 16 * 1024 * 1024

    async def tell(house):
        phone = await house.paired()
        house.desk.archive = lambda session: bytes(size)
        line = await house.line()
        line.writer.transport.pause_reading()
        await line.send(house.request("GET", "/archive.zip", cookie=phone.cookie))
        await until(lambda: house.panel._crowd.held() == size)
        assert (await phone.get("/archive.zip")).status == 429  # one at a time is in memory
        assert (await phone.get("/api/home")).status == 200
        await until(lambda: len(house.panel._crowd) == 0)
        assert house.panel._crowd.held() == 0
        line.writer.transport.resume_reading()
        assert len(await line.ends()) < size

    story(tmp_path, tell, taking=0.5)


def test_fail__a_slow_watcher_is_left_and_does_not_delay_the_others(tmp_path):
    async def tell(house):
        phone = await house.paired()
        slow, quick = await phone.live(), await phone.live()
        slow.writer.transport.pause_reading()
        big = {"what": "x" * 60_000}
        for number in range(400):
            house.desk.tell(big)
            await quick.until(b"\n\n")
            if house.panel._crowd.live(phone.ident) == 1:
                break
            if number > 100:
                await asyncio.sleep(0.02)
        assert house.panel._crowd.live(phone.ident) == 1

    story(tmp_path, tell, taking=0.3)


def test_fail__thousands_of_malformed_requests(tmp_path):
    """Nothing changes, nothing stops, nothing is said; and the controls are caught. tools/prove runs more of them."""
    result = panel_fuzz.prove(count=3000, seed=7)
    assert result["failures"] == []
    assert result["counts"]["answers"] > 1000 and result["counts"]["changes without the lock"]


@pytest.mark.clause("L12")
def test_ok__what_was_begun_is_done_even_if_the_browser_goes(tmp_path):
    async def tell(house):
        phone = await house.paired()
        begun, go = asyncio.Event(), asyncio.Event()
        really = house.desk.do

        async def do(*arguments):
            begun.set()
            await go.wait()
            return await really(*arguments)

        house.desk.do = do
        line = await house.line()
        data = house.request("POST", "/api/do/stop", STOP, cookie=phone.cookie, x_token=phone.token)
        await line.send(data)
        await begun.wait()
        line.close()
        await asyncio.sleep(0.1)
        go.set()
        await until(lambda: "stop" in house.desk.calls)

    story(tmp_path, tell)


def test_ok__a_panel_that_stops_cuts_everything_and_frees_its_port(tmp_path):
    async def tell(house):
        phone = await house.paired()
        live, idle = await phone.live(), await house.line()
        port = house.panel.port
        await house.panel.stop()
        assert await live.ends() == await idle.ends() == b""
        assert len(house.panel._crowd) == 0 and not house.panel._tasks and not house.desk._listeners
        with pytest.raises(ConnectionRefusedError):
            await house.line()
        again = House(tmp_path)
        await again.panel.start("127.0.0.1", port)
        assert isinstance(await again.line(), Line)
        await again.panel.stop()

    story(tmp_path, tell)
