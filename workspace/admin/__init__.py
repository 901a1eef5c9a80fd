"""The admin of the records people work on, of tenants, memberships and accounts."""

from . import changes, records, tenants, users

__all__ = ["changes", "records", "tenants", "users"]
