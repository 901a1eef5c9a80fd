"""The documents sent to Linear. Names and types: the vendor's schema (linear/linear, packages/sdk, commit 8335e09a)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ISSUE = (
    "{ id identifier title description priority estimate dueDate createdAt updatedAt completedAt archivedAt trashed url "
    "state { id name } team { id } assignee { id } creator { id } parent { id } project { id } cycle { id } "
    "labels(first: $labels) { nodes { id name } pageInfo { hasNextPage } } }"
)
COMMENT = "{ id body createdAt updatedAt editedAt archivedAt url issue { id team { id } } parent { id } user { id name } }"
LABEL = "{ id name color description isGroup createdAt updatedAt archivedAt team { id } }"
CYCLE = (
    "{ id number name description startsAt endsAt completedAt createdAt updatedAt archivedAt team { id } }"
)
PROJECT = (
    "{ id name description content startDate targetDate createdAt updatedAt archivedAt trashed url lead { id } "
    "status { id name type } }"
)
USER = "{ id name displayName email active title timezone url createdAt updatedAt archivedAt }"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record: how it is asked for and written. Empty where Linear is not asked to do so."""

    one: str
    many: str
    fields: str
    filter: str
    create: str = ""
    update: str = ""
    input: str = ""  # the input types begin with it
    delete: str = ""

    def _own(self, text: str) -> str:
        return f", $labels: Int!{text}" if "$labels" in self.fields else text

    @property
    def listing(self) -> str:
        return (
            f"query ($first: Int!, $after: String, $filter: {self.filter}, $archived: Boolean{self._own('')}) {{ {self.many}"
            "(first: $first, after: $after, filter: $filter, includeArchived: $archived, orderBy: updatedAt) "
            f"{{ nodes {self.fields} pageInfo {{ hasNextPage endCursor }} }} }}"
        )

    @property
    def single(self) -> str:
        kind = "String" if self.one == "comment" else "String!"
        return f"query ($id: {kind}{self._own('')}) {{ {self.one}(id: $id) {self.fields} }}"

    @property
    def creating(self) -> str:
        head = f"mutation ($input: {self.input}CreateInput!{self._own('')})"
        return f"{head} {{ {self.create}(input: $input) {{ success {self.one} {self.fields} }} }}"

    @property
    def updating(self) -> str:
        head = f"mutation ($id: String!, $input: {self.input}UpdateInput!{self._own('')})"
        return f"{head} {{ {self.update}(id: $id, input: $input) {{ success {self.one} {self.fields} }} }}"

    @property
    def deleting(self) -> str:
        return f"mutation ($id: String!) {{ {self.delete}(id: $id) {{ success }} }}"


KINDS: Mapping[str, Kind] = {
    "user": Kind("user", "users", USER, "UserFilter"),
    "project": Kind(
        "project",
        "projects",
        PROJECT,
        "ProjectFilter",
        "projectCreate",
        "projectUpdate",
        "Project",
        "projectDelete",
    ),
    "cycle": Kind("cycle", "cycles", CYCLE, "CycleFilter", "", "cycleUpdate", "Cycle"),
    "label": Kind(
        "issueLabel",
        "issueLabels",
        LABEL,
        "IssueLabelFilter",
        "issueLabelCreate",
        "issueLabelUpdate",
        "IssueLabel",
        "issueLabelDelete",
    ),
    "issue": Kind(
        "issue", "issues", ISSUE, "IssueFilter", "issueCreate", "issueUpdate", "Issue", "issueDelete"
    ),
    "comment": Kind(
        "comment",
        "comments",
        COMMENT,
        "CommentFilter",
        "commentCreate",
        "commentUpdate",
        "Comment",
        "commentDelete",
    ),
}
ARCHIVE_ISSUE = "mutation ($id: String!) { issueArchive(id: $id) { success } }"
ME = "query { viewer { id name email admin } organization { id name urlKey } }"
TEAM = "query ($id: String!) { team(id: $id) { id name key } organization { id } }"
TEAMS = (
    "query ($first: Int!, $after: String) { teams(first: $first, after: $after) "
    "{ nodes { id name key } pageInfo { hasNextPage endCursor } } }"
)
STATES = (
    "query ($id: String!, $first: Int!, $after: String) { team(id: $id) { states(first: $first, after: $after) "
    "{ nodes { id name type position } pageInfo { hasNextPage endCursor } } } }"
)
LABELS_BY_NAME = (
    "query ($filter: IssueLabelFilter, $first: Int!) { issueLabels(filter: $filter, first: $first) { nodes "
    "{ id name } } }"
)
WEBHOOKS = (
    "query ($first: Int!, $after: String) { webhooks(first: $first, after: $after) { nodes { id url enabled resourceTypes "
    "team { id } } pageInfo { hasNextPage endCursor } } }"
)
CREATE_WEBHOOK = (
    "mutation ($input: WebhookCreateInput!) { webhookCreate(input: $input) { success webhook "
    "{ id url enabled resourceTypes } } }"
)
UPDATE_WEBHOOK = (
    "mutation ($id: String!, $input: WebhookUpdateInput!) { webhookUpdate(id: $id, input: $input) { success webhook "
    "{ id url enabled resourceTypes } } }"
)
