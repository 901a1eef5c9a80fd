"""An idempotency key whose first request has just failed and been forgotten."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from django.db import IntegrityError

from integrations.models import StoredAnswer
from integrations.services.idempotency import UnderWay, answer_begin


def test_a_row_that_goes_meanwhile_is_a_try_again(db: None) -> None:
    with (
        patch.object(StoredAnswer.objects, "create", side_effect=IntegrityError),  # it was there …
        pytest.raises(UnderWay),
    ):
        answer_begin(scope=("a", "b"), request=b"{}")  # … and its request failed before we looked
