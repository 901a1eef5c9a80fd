"""Which document ClickUp's requests and answers are held to.

Its schemas of answers were made from single examples: what was empty or set in the example is taken for the rule.
"""

from tests.contract.specs import Deviation, SpecSheet

SPEC = SpecSheet(
    "clickup.json",
    prefix="/api",
    deviations=(
        Deviation(
            r" 200: (tasks\.\d+\.)?(tags|assignees)\.\d+: \{",
            "people and tags of a task are objects; the examples' lists were empty (heyramzi/clickup-types, "
            "NangoHQ/integration-templates clickup)",
        ),
        Deviation(
            r"^GET /v2/list/\{list_id\}/task 200: tasks\.\d+\.custom_fields: \[",
            "custom fields are described as one object here and as a list of them at GET /v2/task/{task_id}",
        ),
        Deviation(
            r" 200: custom_fields\.\d+\.value: .* is not valid under any of the schemas",
            "three kinds of fields stand for all; a text's value is text, a drop-down's its option's place "
            "(developer.clickup.com/docs/customfields)",
        ),
        Deviation(
            r"/list(/\{list_id\})? 200: (status|priority|assignee): null is not of type \"object\"",
            "a list without status, priority or assignee has null there, as the listings of lists say",
        ),
        Deviation(
            r"/list(/\{list_id\})? 200: due_date: null is not of type \"string\"",
            "a list without a due date has null there, as the listings of lists say",
        ),
        Deviation(
            r"/list 200: lists\.\d+\.(status|priority): null is valid under more than one",
            "oneOf names null twice",
        ),
        Deviation(
            r"^GET /v2/space/\{space_id\}/folder 200: folders: \[",
            "the folders are described as one of them instead of a list",
        ),
        Deviation(
            r"^GET /v2/task/\{task_id\}/comment 200: comments\.\d+\.(assignee|assigned_by): null",
            "a comment that is assigned to nobody has null there; the example's was assigned",
        ),
        Deviation(
            r"^PUT /v2/task/\{task_id\} 200: parent: null",
            "a task that is no subtask has null there, as GET /v2/task/{task_id} says",
        ),
        Deviation(
            r"^PUT /v2/task/\{task_id\} body: priority: null",
            "a priority is taken away by null, as it is read when there is none; the document names no other way",
        ),
        Deviation(
            r"^PUT /v2/comment/\{comment_id\} body: \(root\): \"assignee\" is a required property",
            "a comment that is assigned to nobody has no assignee to send, and null is not allowed",
        ),
    ),
)
