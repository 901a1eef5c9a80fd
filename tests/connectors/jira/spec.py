"""Atlassian's own documents: the platform's, and Jira Software's for boards and sprints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.vendor import Logged
from tests.contract.specs import Deviation, SpecSheet

#: paths of neither document: an administrator's webhooks and the authorisation server are described in prose only
PROSE_ONLY = ("/rest/webhooks/1.0/", "/oauth/")


SOFTWARE = SpecSheet(
    "jira-software.json",
    deviations=(
        Deviation(
            r"/sprint state=.*is not of type \"object\"",
            "the filter is described as an object without members; the text beside it says comma-separated words",
        ),
    ),
)


@dataclass(frozen=True)
class JiraSheets(SpecSheet):
    """The platform's document, and for paths below ``/rest/agile`` the software's."""

    def problems(self, log: Iterable[Logged]) -> tuple[list[str], Counter[str]]:
        entries = [entry for entry in log if not entry.path.startswith(PROSE_ONLY)]
        agile = [entry for entry in entries if entry.path.startswith("/rest/agile/")]
        found, counts = super().problems([entry for entry in entries if entry not in agile])
        more, further = SOFTWARE.problems(agile)
        return [*found, *more], counts + further


SPEC = JiraSheets(
    "jira.json",
    deviations=(
        Deviation(
            r"^PUT /rest/api/3/version/\{id\} body: (startDate|releaseDate): null",
            "nothing else could take a version's date away; unverified, see the connector's list",
        ),
    ),
)
