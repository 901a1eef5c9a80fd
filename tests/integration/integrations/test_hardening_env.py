"""A tenant names none of another's environment variables, however alike their slugs are (B1a, M1)."""

from __future__ import annotations

import pytest

from connectors.base.errors import ConfigurationProblem
from integrations.services.credentials import env_prefix, secrets_resolve
from workspace.models import Tenant


@pytest.mark.parametrize(
    ("mine", "theirs"), [("acme", "acme--eu"), ("acme-eu", "acme_eu"), ("acme", "Acme"), ("acme", "acme__")]
)
def test_alike_slugs_have_prefixes_apart(
    db: None, monkeypatch: pytest.MonkeyPatch, mine: str, theirs: str
) -> None:
    one = Tenant.objects.create(name="One", slug=mine)
    other = Tenant.objects.create(name="Other", slug=theirs)
    for thief, owner in ((one, other), (other, one)):
        name = f"{env_prefix(owner)}TOKEN"
        monkeypatch.setenv(name, "the owner's secret")
        with pytest.raises(ConfigurationProblem):
            secrets_resolve(thief, {"token": {"env": name}})


def test_a_plain_slug_stays_readable(db: None) -> None:
    assert env_prefix(Tenant(name="A", slug="acme-eu")) == "LOCKSTEP_CREDENTIAL_ACME_EU__"
