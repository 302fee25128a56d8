"""Fixtures: two phones with a real Chromium each, and a running page. After each test their consoles must be clean."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.rigs.browser import Browser
from host_tests.rigs.page import Page
from host_tests.rigs.visitor import Visitor

VIEWS = [("phone", "en"), ("phone", "zh"), ("desktop", "en"), ("desktop", "zh")]


@pytest.fixture(scope="module")
def chromiums(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Browser]]:
    both = [Browser(tmp_path_factory.mktemp("browser")) for _ in range(2)]
    yield both
    for one in both:
        one.quit()


@pytest.fixture
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Page]:
    """Its arguments can be given: @pytest.mark.parametrize("page", [{"tls": False}], indirect=True)."""
    with Page(tmp_path, **getattr(request, "param", {})) as running:
        yield running


@pytest.fixture
def phones(chromiums: list[Browser], page: Page) -> Iterator[list[Browser]]:
    """Like new. At the end no console may have said anything unexpected, and nobody else was asked for anything."""
    yield [one.fresh() for one in chromiums]
    found = [one.complaints() for one in chromiums]
    for one in chromiums:
        one.driver.get("about:blank")
    assert found == [[], []]


@pytest.fixture
def visitor(phones: list[Browser], page: Page) -> Visitor:
    return Visitor(phones[0], page)


@pytest.fixture
def other(phones: list[Browser], page: Page) -> Visitor:
    return Visitor(phones[1], page)


@pytest.fixture(params=VIEWS, ids="-".join)
def anybody(request: pytest.FixtureRequest, phones: list[Browser], page: Page) -> Visitor:
    """At each size and in each language."""
    size, language = request.param
    return Visitor(phones[0].fresh(size, language), page, language)
