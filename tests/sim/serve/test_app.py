"""The application: what it answers, what it refuses, and what it tells a browser."""

from __future__ import annotations

import json

import pytest

from sim.serve.app import HEADERS


def lines(response) -> list[dict]:
    return [json.loads(line) for line in response.text.splitlines()]


def test_the_page_shows_the_state_of_its_address(client):
    page = client.get("/?topology=thin-access&bandwidth=x2&strategy=diloco&strategy=eager-diloco:fragments=4")
    assert page.status_code == 200
    assert '<option value="thin-access" selected>' in page.text
    assert 'name="bandwidth" value="x2"' in page.text
    assert 'value="diloco" checked' in page.text
    assert "eager-diloco:fragments=4</textarea>" in page.text
    assert "<script>" not in page.text  # the policy would stop it
    assert " style=" not in page.text


@pytest.mark.parametrize("path", ["/", "/answer", "/report.html?chips=x", "/static/page.js", "/nowhere"])
def test_every_answer_has_the_headers(client, path):
    found = client.get(path).headers
    for name, value in HEADERS.items():
        assert found[name] == value
    policy = found["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy


def test_an_answer_comes_in_parts(client):
    found = lines(client.get("/answer?topology=low-bw"))
    names = [name for part in found for name in part]
    assert names == [
        "controls",
        "address",
        "command-text",
        "python-text",
        "verdict",
        "tiles",
        "brief-text",
        "tables",
        "shares",
        "notes",
        "curves",
    ]
    assert found[0]["address"].startswith("topology=low-bw&workload=10b")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("topology=/etc/passwd", "topology"),
        ("workload=../../secret.yaml", "workload"),
        ("file=/etc/passwd", ""),
        ("chips=-4", "chips"),
        ("replicas=3", "replicas"),  # of two sites: only the scenario as a whole knows
        ("chips=999", "chips"),  # cannot be shared by two
        ("strategy=diloco:fragments=3", "strategy"),
        ("strategy=elastic-diloco&replicas=1", "strategy"),
    ],
)
def test_what_cannot_be_is_told_by_field(client, query, field):
    (wrong,) = [part for part in lines(client.get(f"/answer?{query}")) if "errors" in part]
    assert list(wrong["errors"]) == [field]
    assert wrong["errors"][field]
    refused = client.get(f"/result.json?{query}")
    assert refused.status_code == 422
    assert "Traceback" not in refused.text


def test_a_wrong_address_shows_the_page_with_what_was_written(client):
    page = client.get("/?bandwidth=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert page.status_code == 422
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "is not one number and one unit" in page.text


def test_markup_in_a_strategy_stays_text(client):
    page = client.get("/?strategy=diloco:x=%3C/textarea%3E%3Cscript%3E")
    assert "<script>" not in page.text.replace('<script src="/static/page.js" defer>', "")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "0.0.0.0", "[::2]:80"]
)
def test_another_name_is_refused(client, host):
    assert client.get("/", headers={"host": host}).status_code == 421
    assert client.get("/answer", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9"])
def test_its_own_name_is_not(client, host):
    assert client.get("/", headers={"host": host}).status_code == 200


def test_another_site_may_link_to_the_page_and_ask_nothing_else(client):
    headers = {"sec-fetch-site": "cross-site"}
    assert client.get("/", headers=headers).status_code == 200
    for path in ("/answer", "/result.json", "/report.html", "/scenario.yaml"):
        assert client.get(path, headers=headers).status_code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_but_get_is_answered(client, method):
    assert client.request(method, "/answer").status_code == 405


def test_a_long_address_is_refused(client):
    assert client.get("/answer?strategy=" + "x" * 4_000).status_code == 414


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/app.py", "/static/../app.py", "/static/%2e%2e/app.py", "/etc/passwd", "/static//etc/passwd"],
)
def test_no_path_leads_to_a_file(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("name", "kind"),
    [("report.html", "text/html"), ("result.json", "application/json"), ("scenario.yaml", "application/yaml")],
)
def test_downloads_are_attachments(client, name, kind):
    found = client.get(f"/{name}?topology=low-bw&workload=550m")
    assert found.status_code == 200
    assert found.headers["content-type"].startswith(kind)
    assert found.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert "low-bw" in found.text
