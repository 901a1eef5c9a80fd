"""One suite over every connector and its stand-in. What is left out follows from ``can`` and the declarations, never from a name."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import orjson
import pytest

from connectors import registry
from connectors.base.errors import (
    ConfigurationProblem,
    ContractBroken,
    PermissionProblem,
    RateLimited,
    RecordGone,
    Retryable,
    StaleWrite,
)
from connectors.base.paths import MISSING, read_path
from connectors.base.types import (
    AbsenceKind,
    BadPayload,
    BadSignature,
    Can,
    Client,
    ExternalRecord,
    Resource,
    UnknownEvent,
    WebhookRequest,
)
from reconcile.kinds import Kind, canonical
from reconcile.model import Unmapped
from reconcile.transforms import find_transform
from sandbox.app import vendor_classes
from sandbox.hooks import Sender
from sandbox.store import Store, World
from sandbox.vendor import ContractFixture
from tests.sandbox_fixtures import Stand, filled

Opener = Callable[..., Stand]
WRITE_METHODS = ("POST", "PUT", "PATCH", "DELETE")


def _fixtures() -> dict[str, ContractFixture]:
    """By stand-in: those that offer a fixture and whose connector is there."""
    sender = Sender()
    offered = {vendor.slug: vendor(Store(), sender).contract_fixture() for vendor in vendor_classes()}
    sender.close()
    return {
        slug: fixture
        for slug, fixture in offered.items()
        if fixture is not None and (fixture.slug or slug) in registry.slugs()
    }


FIXTURES = _fixtures()


def _resources() -> Iterator[Any]:
    for slug, fixture in FIXTURES.items():
        settings = filled(fixture.settings, "http://127.0.0.1:1/stand-in")
        for resource in registry.get(fixture.slug or slug).resources_of(settings):
            yield pytest.param(slug, resource.name, id=f"{slug}-{resource.name}")


each_stand_in = pytest.mark.parametrize("slug", list(FIXTURES))
each_resource = pytest.mark.parametrize(("slug", "name"), list(_resources()))


def resource_of(stand: Stand, name: str) -> Resource:
    return registry.get(stand.fixture.slug or stand.vendor.slug).resource(name, stand.settings)


def walk(
    client: Client,
    resource: str,
    *,
    since: datetime | None = None,
    parent_id: str | None = None,
    pages: int = 50,
) -> list[ExternalRecord]:
    """All records of a listing, page after page."""
    found: list[ExternalRecord] = []
    token: Any = None
    for _ in range(pages):
        page = client.list_page(resource, since=since, token=token, parent_id=parent_id)
        found += page.records
        if page.next_token is None:
            return found
        token = page.next_token
    raise AssertionError(f"{resource}: no end after {pages} pages")


def parent_of(stand: Stand, resource: Resource) -> str | None:
    if not resource.parent:
        return None
    return stand.fixture.parents.get(resource.name) or walk(stand.client, resource.parent)[0].id


def made(stand: Stand, resource: Resource, key: str = "contract-key-1") -> ExternalRecord:
    """A record created through the client, or a skip where that cannot be."""
    if Can.CREATE not in resource.can or resource.name not in stand.fixture.samples:
        pytest.skip(f"{resource.name} cannot be created here")
    return stand.client.create(
        resource.name, stand.fixture.samples[resource.name], key=key, parent_id=parent_of(stand, resource)
    )


def first_listable(stand: Stand) -> Resource:
    for resource in registry.get(stand.fixture.slug or stand.vendor.slug).resources_of(stand.settings):
        if not resource.parent and Can.LIST in resource.can:
            return resource
    pytest.skip("nothing can be listed")


# --- connection ---------------------------------------------------------------------------------------------------


@each_stand_in
def test_a_good_connection_passes_its_check(open_stand: Opener, slug: str) -> None:
    report = open_stand(slug).client.check()
    assert report.ok, report.checks
    assert all(check.ok for check in report.checks)


@each_stand_in
def test_wrong_credentials_fail_the_check_and_say_what_to_do(open_stand: Opener, slug: str) -> None:
    stand = open_stand(slug)
    wrong = dict.fromkeys(stand.fixture.secrets, "wrong-credential")
    report = open_stand(slug, secrets=wrong).client.check()
    assert not report.ok
    assert any(not check.ok and check.fix for check in report.checks)


@each_stand_in
def test_wrong_credentials_are_a_configuration_problem(open_stand: Opener, slug: str) -> None:
    stand = open_stand(slug)
    client = open_stand(slug, secrets=dict.fromkeys(stand.fixture.secrets, "wrong-credential")).client
    with pytest.raises(ConfigurationProblem):
        client.list_page(first_listable(stand).name)


@each_stand_in
def test_containers_have_ids_and_names(open_stand: Opener, slug: str) -> None:
    for container in open_stand(slug).client.containers():
        assert all((container.id, container.name, container.kind))
        assert container.kind == container.kind.lower()


@each_stand_in
def test_the_container_token_is_steady(open_stand: Opener, slug: str) -> None:
    first, second = open_stand(slug).client, open_stand(slug).client
    assert first.container_token() == second.container_token() != ""


@each_stand_in
def test_no_secret_reaches_the_exchanges(open_stand: Opener, slug: str) -> None:
    stand = open_stand(slug)
    stand.client.list_page(first_listable(stand).name)
    assert stand.exchanges
    for exchange in stand.exchanges:
        for secret in stand.fixture.secrets.values():
            assert str(secret) not in repr(exchange)


# --- reading ------------------------------------------------------------------------------------------------------


@each_resource
def test_every_row_has_a_text_id_and_aware_times(open_stand: Opener, slug: str, name: str) -> None:
    stand = open_stand(slug)
    for record in walk(stand.client, name, parent_id=parent_of(stand, resource_of(stand, name))):
        assert record.resource == name
        assert isinstance(record.id, str)
        assert record.id
        assert record.updated_at is None or record.updated_at.tzinfo is not None


def _fill(stand: Stand, resource: Resource, kind: str, count: int, parent: str | None) -> list[str]:
    """Makes so many records there: one through the API, the others as its copies in the stand-in's store, all of one
    moment. Where the store is not that simple, each through the API."""

    def create(number: int) -> str:
        fields = stand.fixture.samples[resource.name]
        return stand.client.create(resource.name, fields, key=f"fill-{number}", parent_id=parent).id

    ids = [create(0)]
    world, first = stand.vendor.world, ids[0]
    document = world.get(kind, first)
    if document is not None and _copied(world, kind, document, first, 1):
        listed = {record.id for record in walk(stand.client, resource.name, parent_id=parent)}
        if _another(first, 1) in listed:
            ids.append(_another(first, 1))
            ids += [
                _another(first, number)
                for number in range(2, count)
                if _copied(world, kind, document, first, number)
            ]
            return ids
        world.drop(kind, _another(first, 1))
    return [*ids, *(create(number) for number in range(1, count))]


def _copied(world: World, kind: str, document: Any, id: str, number: int) -> bool:
    fresh = _another(id, number)
    if world.get(kind, fresh) is not None:
        return False
    world.put(kind, fresh, _renamed(orjson.loads(orjson.dumps(document, default=str)), id, fresh))
    return True


def _renamed(value: Any, old: str, new: str) -> Any:
    """The document with that id changed wherever it stands alone or as a part of an address."""
    if isinstance(value, dict):
        return {_renamed(name, old, new): _renamed(member, old, new) for name, member in value.items()}
    if isinstance(value, list):
        return [_renamed(member, old, new) for member in value]
    if isinstance(value, str):
        return "/".join(new if part == old else part for part in value.split("/"))
    return int(new) if type(value) is int and str(value) == old else value


def _another(id: str, number: int) -> str:
    """An id of the same form: a larger number, or other last digits."""
    return str(int(id) + number) if id.isdigit() else f"{id[:-6]}{900_000 + number}"


@each_resource
def test_paging_gives_every_record_once(open_stand: Opener, slug: str, name: str) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    kind = stand.fixture.kinds.get(name)
    count = resource.page_size + 5
    if (
        kind is None
        or Can.CREATE not in resource.can
        or name not in stand.fixture.samples
        or resource.page_size > 200
    ):
        pytest.skip("the stand-in cannot be filled through this resource")
    parent = parent_of(stand, resource)
    stand.vendor.turn(limit_per_minute=100_000)
    before = {record.id for record in walk(stand.client, name, parent_id=parent)}
    ids = _fill(stand, resource, kind, count, parent)
    listed = [record.id for record in walk(stand.client, name, parent_id=parent)]
    assert len(listed) == len(set(listed))
    assert set(listed) == before | set(ids)


@each_resource
def test_the_incremental_boundary_is_not_missed(open_stand: Opener, slug: str, name: str) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    if not resource.incremental:
        pytest.skip("no updated-since filter")
    record = made(stand, resource)
    if record.updated_at is None:
        pytest.skip("the record carries no time")
    since = record.updated_at - resource.overlap
    found = {one.id for one in walk(stand.client, name, since=since, parent_id=parent_of(stand, resource))}
    assert record.id in found
    later = datetime.now(UTC) + timedelta(hours=1)
    assert record.id not in {
        one.id for one in walk(stand.client, name, since=later, parent_id=parent_of(stand, resource))
    }


@each_resource
def test_get_answers_the_listed_record(open_stand: Opener, slug: str, name: str) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    if Can.GET not in resource.can:
        pytest.skip("no single read")
    parent = parent_of(stand, resource)
    rows = walk(stand.client, name, parent_id=parent)
    record = rows[0] if rows else made(stand, resource)
    single = stand.client.get(name, record.id, parent_id=record.parent_id or parent)
    assert single.id == record.id
    assert single.complete
    if resource.rows_are_complete and record.complete:
        for link in resource.links:
            for path in [link.external] if isinstance(link.external, str) else link.external:
                listed = read_path(record.data, path)
                assert listed is MISSING or listed == read_path(single.data, path), path


@each_resource
def test_get_many_leaves_out_the_absent(open_stand: Opener, slug: str, name: str) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    if Can.GET not in resource.can or resource.parent:
        pytest.skip("no single read without the parent")
    rows = walk(stand.client, name)
    if not rows:
        pytest.skip("no record to read")
    found = stand.client.get_many(name, [rows[0].id, "99999999"])
    assert set(found) == {rows[0].id}


# --- writing ------------------------------------------------------------------------------------------------------


@each_resource
def test_a_created_record_carries_what_was_sent_and_is_found_by_its_key(
    open_stand: Opener, slug: str, name: str
) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    started = datetime.now(UTC) - timedelta(minutes=1)
    record = made(stand, resource, key="contract-key-7")
    single = (
        stand.client.get(name, record.id, parent_id=parent_of(stand, resource))
        if Can.GET in resource.can
        else record
    )
    assert single.id == record.id
    if resource.create_class == "unprovable":
        return
    found = stand.client.find_by_key(
        name, "contract-key-7", since=started, parent_id=parent_of(stand, resource)
    )
    if resource.create_class in ("keyed", "upsert") and found is None:
        again = stand.client.create(
            name, stand.fixture.samples[name], key="contract-key-7", parent_id=parent_of(stand, resource)
        )
        assert again.id == record.id
        return
    assert found is not None
    assert found.id == record.id
    assert (
        stand.client.find_by_key(name, "never-used", since=started, parent_id=parent_of(stand, resource))
        is None
    )


@each_resource
def test_an_update_sends_only_the_changed_fields(open_stand: Opener, slug: str, name: str) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    if Can.UPDATE not in resource.can or name not in stand.fixture.edits:
        pytest.skip("no update")
    record = made(stand, resource)
    others = [
        link
        for link in resource.links
        if link.external not in stand.fixture.edits[name] and isinstance(link.external, str)
    ]
    stand.vendor.requests.clear()
    changed = stand.client.update(
        name, record.id, stand.fixture.edits[name], current=record, parent_id=parent_of(stand, resource)
    )
    writes = [entry for entry in stand.vendor.requests if entry.method in WRITE_METHODS]
    assert 1 <= len(writes) <= 2, [entry.method for entry in writes]
    assert changed.id == record.id
    assert changed.version is None or changed.version != record.version
    now = (
        stand.client.get(name, record.id, parent_id=parent_of(stand, resource))
        if Can.GET in resource.can
        else changed
    )
    for path, value in stand.fixture.edits[name].items():
        assert value == read_path(now.data, path) or str(value) in str(read_path(now.data, path)), path
    for link in others:
        path = str(link.external)
        if (
            link.local not in ("updated_at", "url", "completed_at")
            and read_path(record.data, path) is not MISSING
        ):
            assert read_path(now.data, path) == read_path(record.data, path), path


@each_resource
def test_the_author_of_what_the_hub_wrote_can_be_put_right_and_the_text_stays(
    open_stand: Opener, slug: str, name: str
) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    by_path = {link.external: link for link in resource.links}
    author = by_path.get("hub.author")
    if author is None or author.direction != "both" or Can.UPDATE not in resource.can:
        pytest.skip("it bears no author of the hub's")
    text = next(link.external for link in resource.links if link.local == "body")
    record, parent = made(stand, resource), parent_of(stand, resource)
    stand.client.update(name, record.id, {"hub.author": "Ida Lund"}, current=record, parent_id=parent)
    now = stand.client.get(name, record.id, parent_id=parent)
    assert read_path(now.data, "hub.author") == "Ida Lund"
    assert read_path(now.data, str(text)) == read_path(record.data, str(text))


@each_resource
def test_a_stale_update_is_refused(open_stand: Opener, slug: str, name: str) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    if not resource.version_check or name not in stand.fixture.edits:
        pytest.skip("the vendor has no version check")
    record = made(stand, resource)
    parent = parent_of(stand, resource)
    newer = stand.client.update(name, record.id, stand.fixture.edits[name], current=record, parent_id=parent)
    with pytest.raises(StaleWrite):
        stand.client.update(name, record.id, stand.fixture.samples[name], current=record, parent_id=parent)
    assert stand.client.get(name, record.id, parent_id=parent).version == newer.version


@each_resource
def test_a_deleted_record_is_explained(open_stand: Opener, slug: str, name: str) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    if Can.DELETE not in resource.can:
        pytest.skip("no delete")
    record, parent = made(stand, resource), parent_of(stand, resource)
    stand.client.delete(name, record.id, parent_id=parent, current=record)
    if Can.GET in resource.can:
        with pytest.raises(RecordGone):
            stand.client.get(name, record.id, parent_id=parent)
    absence = stand.client.explain_absence(name, [record.id], parent_id=parent)[record.id]
    assert absence.kind in (AbsenceKind.DELETED, AbsenceKind.UNKNOWN)
    if resource.absence_check:
        assert absence.kind is AbsenceKind.DELETED
    assert record.id not in {one.id for one in walk(stand.client, name, parent_id=parent)}


@each_resource
def test_deleting_twice_is_no_fault(open_stand: Opener, slug: str, name: str) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    if Can.DELETE not in resource.can:
        pytest.skip("no delete")
    record, parent = made(stand, resource), parent_of(stand, resource)
    stand.client.delete(name, record.id, parent_id=parent, current=record)
    stand.client.delete(name, record.id, parent_id=parent, current=record)


@each_resource
def test_an_archived_record_stays_readable_and_says_so(open_stand: Opener, slug: str, name: str) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    if Can.ARCHIVE not in resource.can:
        pytest.skip("no archive")
    record = made(stand, resource)
    stand.client.archive(name, record.id, current=record)
    absence = stand.client.explain_absence(name, [record.id])[record.id]
    assert absence.kind is AbsenceKind.ARCHIVED


@each_resource
def test_a_present_record_is_explained_as_present(open_stand: Opener, slug: str, name: str) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    record = made(stand, resource)
    absence = stand.client.explain_absence(name, [record.id], parent_id=parent_of(stand, resource))[record.id]
    assert absence.kind is AbsenceKind.PRESENT
    assert absence.record is not None
    assert absence.record.id == record.id


# --- trouble ------------------------------------------------------------------------------------------------------


@each_stand_in
def test_too_many_requests_are_retryable_and_carry_the_wait(open_stand: Opener, slug: str) -> None:
    stand = open_stand(slug)
    resource = first_listable(stand)
    stand.vendor.fail("status", status=429, headers={"Retry-After": "7"})
    with pytest.raises(RateLimited) as caught:
        stand.client.list_page(resource.name)
    assert caught.value.retry_after == 7
    assert not caught.value.ambiguous


@each_stand_in
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_faults_are_retryable(open_stand: Opener, slug: str, status: int) -> None:
    stand = open_stand(slug)
    stand.vendor.fail("status", status=status)
    with pytest.raises(Retryable) as caught:
        stand.client.list_page(first_listable(stand).name)
    assert caught.value.status == status


@each_stand_in
def test_what_the_plan_does_not_allow_is_told_and_no_record_is_taken_for_gone(
    open_stand: Opener, slug: str
) -> None:
    stand = open_stand(slug)
    stand.vendor.fail("status", status=402)
    with pytest.raises((PermissionProblem, RateLimited)) as caught:
        stand.client.list_page(first_listable(stand).name)
    assert caught.value.status == 402


@each_stand_in
def test_a_hung_up_connection_is_retryable(open_stand: Opener, slug: str) -> None:
    stand = open_stand(slug)
    stand.vendor.fail("hang_up")
    with pytest.raises(Retryable):
        stand.client.list_page(first_listable(stand).name)


@each_stand_in
def test_a_timeout_is_retryable(open_stand: Opener, slug: str) -> None:
    stand = open_stand(slug, timeout_seconds=0.2)
    stand.vendor.fail("stall", seconds=0.6)
    with pytest.raises(Retryable) as caught:
        stand.client.list_page(first_listable(stand).name)
    assert caught.value.code == "timeout"


@each_stand_in
@pytest.mark.parametrize("kind", ["html", "empty"])
def test_an_answer_that_is_no_data_breaks_the_contract(open_stand: Opener, slug: str, kind: str) -> None:
    stand = open_stand(slug)
    stand.vendor.fail(kind, count=5)
    with pytest.raises(ContractBroken):
        stand.client.list_page(first_listable(stand).name)


@each_resource
def test_a_create_whose_answer_was_lost_is_ambiguous_or_keyed_and_is_not_made_twice(
    open_stand: Opener, slug: str, name: str
) -> None:
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    if (
        Can.CREATE not in resource.can
        or name not in stand.fixture.samples
        or resource.create_class == "unprovable"
    ):
        pytest.skip("nothing proves a create here")
    parent = parent_of(stand, resource)
    started = datetime.now(UTC) - timedelta(minutes=1)
    before = len(walk(stand.client, name, parent_id=parent))
    stand.vendor.fail("hang_up", method="POST", when="after")
    with pytest.raises(Retryable) as lost:
        stand.client.create(name, stand.fixture.samples[name], key="lost-1", parent_id=parent)
    assert lost.value.ambiguous or resource.create_class == "keyed"
    found = stand.client.find_by_key(name, "lost-1", since=started, parent_id=parent)
    if found is None:
        assert resource.create_class in ("keyed", "upsert")
        found = stand.client.create(name, stand.fixture.samples[name], key="lost-1", parent_id=parent)
    assert len(walk(stand.client, name, parent_id=parent)) == before + 1


# --- webhooks -----------------------------------------------------------------------------------------------------


def _received(stand: Stand, open_stand: Opener, *, body: bytes | None = None) -> tuple[Any, WebhookRequest]:
    """A webhook the stand-in really sent, as the hub would receive it."""
    connector = registry.get(stand.fixture.slug or stand.vendor.slug)
    webhooks = connector.webhooks_of(stand.settings)
    url = "http://127.0.0.1:9/hooks/contract"
    if (
        webhooks is None
        or not stand.fixture.edits
        or stand.client.ensure_webhook(url, stand.fixture.webhook_secret) is None
    ):
        pytest.skip("webhooks cannot be registered through the API")
    for name in stand.fixture.edits:
        resource = resource_of(stand, name)
        if Can.UPDATE in resource.can and not resource.parent:
            record = made(stand, resource)
            stand.client.update(name, record.id, stand.fixture.edits[name], current=record)
            break
    stand.vendor.sender.flush()
    sent = [
        delivery
        for delivery in stand.vendor.sender.deliveries(stand.vendor.slug)
        if delivery.url == url and delivery.method == "POST"
    ]
    assert sent, "the stand-in sent nothing"
    headers = {name.lower(): value for name, value in sent[-1].headers.items()}
    return webhooks, WebhookRequest(
        "POST", headers, sent[-1].body if body is None else body, {}, url, datetime.now(UTC)
    )


@each_stand_in
def test_a_genuine_webhook_is_accepted_and_gives_hints(open_stand: Opener, slug: str) -> None:
    stand = open_stand(slug)
    webhooks, request = _received(stand, open_stand)
    secrets = ["the-old-secret", stand.fixture.webhook_secret]
    webhooks.verify(request, secrets, stand.settings)
    hints = webhooks.parse(request, orjson.loads(request.body), stand.settings)
    names = {
        resource.name for resource in registry.get(stand.fixture.slug or slug).resources_of(stand.settings)
    }
    assert all(hint.resource in names for hint in hints)
    assert webhooks.delivery_id(request) == webhooks.delivery_id(request)


@each_stand_in
def test_a_webhook_with_a_wrong_signature_or_body_is_refused(open_stand: Opener, slug: str) -> None:
    stand = open_stand(slug)
    webhooks, request = _received(stand, open_stand)
    with pytest.raises(BadSignature):
        webhooks.verify(request, ["another-secret"], stand.settings)
    if registry.get(stand.fixture.slug or slug).webhook_token_in_body:
        token = stand.fixture.webhook_secret.encode()
        forged = (
            request.body.replace(token, b"a-guess"),
            request.body.replace(token, b""),
            b"",
            b"{}",
            b"[]",
        )
        for body in forged:
            with pytest.raises(BadSignature):
                webhooks.verify(dataclasses.replace(request, body=body), [token.decode()], stand.settings)
        return
    tampered = WebhookRequest(
        request.method, request.headers, request.body + b" ", request.query, request.url, request.received_at
    )
    if registry.get(stand.fixture.slug or slug).webhook_covers_body:
        with pytest.raises(BadSignature):
            webhooks.verify(tampered, [stand.fixture.webhook_secret], stand.settings)
    bare = {name: value for name, value in request.headers.items() if name in ("content-type", "user-agent")}
    unsigned = WebhookRequest(
        request.method, bare, request.body, request.query, request.url, request.received_at
    )
    with pytest.raises(BadSignature):
        webhooks.verify(unsigned, [stand.fixture.webhook_secret], stand.settings)


@each_stand_in
def test_an_unknown_event_is_loud(open_stand: Opener, slug: str) -> None:
    webhooks = registry.get(open_stand(slug).fixture.slug or slug).webhooks_of(open_stand(slug).settings)
    if webhooks is None:
        pytest.skip("no webhooks")
    request = WebhookRequest(
        "POST",
        {"content-type": "application/json"},
        b'{"type": "nonsense.happened"}',
        {},
        "https://hub.example.org/h",
        datetime.now(UTC),
    )
    with pytest.raises((UnknownEvent, BadPayload)):
        webhooks.parse(request, {"type": "nonsense.happened"}, {})


@each_stand_in
def test_registering_a_webhook_twice_keeps_one_and_removing_it_ends_it(open_stand: Opener, slug: str) -> None:
    stand = open_stand(slug)
    url = "http://127.0.0.1:9/hooks/contract"
    first = stand.client.ensure_webhook(url, stand.fixture.webhook_secret)
    if first is None:
        pytest.skip("webhooks cannot be registered through the API")
    second = stand.client.ensure_webhook(url, stand.fixture.webhook_secret)
    assert second is not None
    assert second.id == first.id
    assert stand.client.remove_webhooks(url) == 1
    assert stand.client.remove_webhooks(url) == 0


# --- the default map ----------------------------------------------------------------------------------------------


class _Mirror:
    """A MapContext in which every reference has a counterpart: ``local:`` before the external id."""

    def local_id(self, resource: str, external_id: str) -> str | None:
        return f"local:{external_id}"

    def external_id(self, resource: str, local_id: str) -> str | None:
        return local_id.removeprefix("local:")


@each_resource
def test_every_default_link_goes_round_through_its_transform(
    open_stand: Opener, slug: str, name: str
) -> None:
    workspace_kinds = pytest.importorskip("workspace.kinds")
    stand = open_stand(slug)
    resource = resource_of(stand, name)
    kinds = {
        name: spec.kind for name, spec in workspace_kinds.record_spec(resource.record_type).fields.items()
    }
    rows = walk(stand.client, name, parent_id=parent_of(stand, resource))[:5]
    for link in resource.links:
        if (link.key or link.local) in resource.status_links and not (link.transform or {}).get("map"):
            continue  # which lane or list means what is data of the integration
        transform = find_transform((link.transform or {"name": "string"})["name"])
        assert transform is not None, f"{link.local}: unknown transform {link.transform}"
        assert link.local in kinds, f"{resource.record_type} has no field {link.local}"
        kind = kinds[link.local]
        given = {key: value for key, value in (link.transform or {}).items() if key != "name"}
        paths = [link.external] if isinstance(link.external, str) else list(link.external)
        assert not transform.check(given, kind), link.local
        options = transform.prepare(given, kind, len(paths))
        for record in rows:
            values = [read_path(record.data, path, None) for path in paths]
            value = values[0] if len(paths) == 1 else values
            inward = transform.inward(value, options, _Mirror())
            assert not isinstance(inward, Unmapped), f"{link.local}: {inward}"
            if link.direction == "in" or not transform.can_out:
                continue
            ours = canonical(kind, inward)
            back = transform.outward(ours, options, _Mirror())
            assert not isinstance(back, Unmapped), f"{link.local}: {back}"
            assert canonical(kind, transform.inward(back, options, _Mirror())) == ours, link.local


def _times(kind: Kind) -> Iterator[Any]:
    """A hundred days or moments, each in another of the world's zones, the nights on which clocks change among them."""
    chance = random.Random(20261128)
    zones = sorted(available_timezones())
    changes = [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]
    for number in range(100):
        moment = chance.choice(changes) + timedelta(
            minutes=chance.randrange(-200_000, 200_000) if number % 3 else 0
        )
        local = moment.astimezone(ZoneInfo(chance.choice(zones)))
        yield local.date().isoformat() if kind is Kind.DATE else local


@each_resource
def test_a_hundred_dates_in_all_zones_go_round(open_stand: Opener, slug: str, name: str) -> None:
    workspace_kinds = pytest.importorskip("workspace.kinds")
    resource = resource_of(open_stand(slug), name)
    kinds = workspace_kinds.record_spec(resource.record_type).fields
    tried = 0
    for link in resource.links:
        if link.local not in kinds or kinds[link.local].kind not in (Kind.DATE, Kind.INSTANT):
            continue
        kind, given = kinds[link.local].kind, dict(link.transform or {"name": "string"})
        transform = find_transform(given.pop("name"))
        assert transform is not None
        paths = [link.external] if isinstance(link.external, str) else list(link.external)
        if link.direction == "in" or not transform.can_out or len(paths) > 1:
            continue
        options = transform.prepare(given, kind, 1)
        for value in _times(kind):
            ours = canonical(kind, value)
            there = transform.outward(ours, options, _Mirror())
            assert canonical(kind, transform.inward(there, options, _Mirror())) == ours, (link.local, value)
        tried += 1
    if not tried:
        pytest.skip("no date or time that goes both ways")
