"""Which document Asana's requests and answers are held to."""

from tests.contract.specs import Deviation, SpecSheet

SPEC = SpecSheet(
    "asana.json",
    prefix="/api/1.0",
    deviations=(
        Deviation(
            r"^POST /tasks body: data\.memberships\.\d+\.(project|section): .* is not of type \"object\"",
            "the write reuses the shape of the read; ids are what is sent (Asana in Asana/java-asana, issue 17)",
        ),
        Deviation(
            r" data\.(parent|assignee): null is not of type \"object\"",
            "a task at the top has no parent, an unassigned one no assignee: null on both reads, as the request's own "
            "schema has it; only the answer's references are not marked nullable",
        ),
        Deviation(
            r"^POST /tasks/\{task_gid\}/setParent body: data\.parent: null",
            "null stands for no parent there, as the property's description has it",
        ),
        Deviation(
            r"^PUT /tasks/\{task_gid\} body: data\.custom_fields\.\d+: null",
            "all custom fields share one type there; a field is emptied by null, as it is read when empty",
        ),
        Deviation(
            r"custom_fields\.\d+\.enum_value: null is not of type \"object\"",
            "nullable stands on the second half of an allOf whose first half, EnumOption, does not allow null",
        ),
    ),
)
