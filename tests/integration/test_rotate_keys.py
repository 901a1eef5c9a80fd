from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection

from integrations.fields import EncryptedJSONField
from integrations.models import Credential, Integration
from workspace.models import Tenant

pytestmark = pytest.mark.django_db
SECRETS = {"token": "very secret", "numbers": [1, 2]}


@pytest.fixture
def credential() -> Credential:
    tenant = Tenant.objects.create(name="Acme", slug="acme")
    integration = Integration.objects.create(
        tenant=tenant, name="Board", connector="trello", webhook_secret=["hook"]
    )
    return Credential.objects.create(integration=integration, secrets=SECRETS)


@pytest.fixture
def use_keys(settings: Any) -> Iterator[Callable[..., None]]:
    """As after a restart with these FERNET_KEYS: each field keeps its keys once it has used them."""

    def use(*keys: str) -> None:
        settings.FERNET_KEYS = list(keys)
        for model, name in ((Credential, "secrets"), (Integration, "webhook_secret")):
            field = model._meta.get_field(name)
            assert isinstance(field, EncryptedJSONField)
            for cached in ("keys", "fernet_keys", "fernet"):
                field.__dict__.pop(cached, None)

    yield use
    use()


def stored() -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM integrations_credential")
        return bytes(cursor.fetchone()[0])


def test_after_rotation_the_old_key_is_not_needed_any_more(
    credential: Credential, use_keys: Callable[..., None]
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    use_keys(old)
    credential.save()
    credential.integration.save()
    before = stored()
    use_keys(new, old)
    call_command("rotate_keys", stdout=StringIO())
    assert stored() != before
    use_keys(new)
    assert Credential.objects.get().secrets == SECRETS
    assert Integration.objects.get().webhook_secret == ["hook"]


def test_a_row_no_key_can_read_is_named_left_alone_and_not_shown(
    credential: Credential, use_keys: Callable[..., None]
) -> None:
    before = stored()
    use_keys(Fernet.generate_key().decode())
    with pytest.raises(
        CommandError, match=r"cannot be read with any of FERNET_KEYS \(InvalidToken\)"
    ) as caught:
        call_command("rotate_keys", stdout=StringIO())
    assert "very secret" not in str(caught.value)
    assert stored() == before
