"""The part of GitHub's GraphQL schema that the stand-in speaks: projects (v2), their fields and items.

Held to GitHub's public schema (npm ``@octokit/graphql-schema`` 15.26); ``archivedStates`` came later.
"""

from __future__ import annotations

_PAGE = "after: String, before: String, first: Int, last: Int"


def _connection(name: str, node: str = "") -> str:
    return f"type {name}Connection {{ nodes: [{node or name}] pageInfo: PageInfo! totalCount: Int! }}"


def _value(name: str, members: str) -> str:
    return f"type ProjectV2ItemField{name}Value implements Node {{ id: ID! {members} }}"


def _change(name: str, arguments: str, answer: str) -> str:
    upper = name[0].upper() + name[1:]
    return (
        f"input {upper}Input {{ clientMutationId: String {arguments} }} "
        f"type {upper}Payload {{ clientMutationId: String {answer} }} "
        f"extend type Mutation {{ {name}(input: {upper}Input!): {upper}Payload }}"
    )


_ITEM = "projectId: ID! itemId: ID!"
_UPDATED = "projectV2Item: ProjectV2Item"

SCHEMA = f"""
scalar URI
scalar DateTime
scalar Date
scalar BigInt

enum ProjectV2FieldType {{
  ASSIGNEES DATE ITERATION LABELS LINKED_PULL_REQUESTS MILESTONE NUMBER REPOSITORY REVIEWERS SINGLE_SELECT TEXT TITLE
}}
enum ProjectV2ItemType {{ DRAFT_ISSUE ISSUE PULL_REQUEST REDACTED }}
enum ProjectV2ItemArchivedState {{ ARCHIVED NOT_ARCHIVED }}
enum ProjectV2SingleSelectFieldOptionColor {{ BLUE GRAY GREEN ORANGE PINK PURPLE RED YELLOW }}
enum ProjectV2OrderField {{ CREATED_AT NUMBER TITLE UPDATED_AT }}
enum OrderDirection {{ ASC DESC }}

interface Node {{ id: ID! }}
interface RepositoryOwner {{ id: ID! login: String! }}
interface ProjectV2Owner {{
  id: ID!
  projectV2(number: Int!): ProjectV2
  projectsV2({_PAGE}, orderBy: ProjectV2Order, query: String): ProjectV2Connection!
}}
interface ProjectV2FieldCommon {{ id: ID! name: String! dataType: ProjectV2FieldType! }}
input ProjectV2Order {{ direction: OrderDirection! field: ProjectV2OrderField! }}

type PageInfo {{ hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }}
type RateLimit {{ cost: Int! limit: Int! remaining: Int! used: Int! nodeCount: Int! resetAt: DateTime! }}
type Organization implements Node & RepositoryOwner & ProjectV2Owner {{
  id: ID! login: String!
  projectV2(number: Int!): ProjectV2
  projectsV2({_PAGE}, orderBy: ProjectV2Order, query: String): ProjectV2Connection!
}}
type User implements Node & RepositoryOwner & ProjectV2Owner {{
  id: ID! login: String!
  projectV2(number: Int!): ProjectV2
  projectsV2({_PAGE}, orderBy: ProjectV2Order, query: String): ProjectV2Connection!
}}
type Repository implements Node {{ id: ID! databaseId: Int nameWithOwner: String! }}
type Issue implements Node {{
  id: ID! number: Int! title: String! updatedAt: DateTime! repository: Repository!
  projectItems({_PAGE}, includeArchived: Boolean = true): ProjectV2ItemConnection!
  timelineItems({_PAGE}, itemTypes: [IssueTimelineItemsItemType!]): IssueTimelineItemsConnection!
}}
enum IssueTimelineItemsItemType {{ REMOVED_FROM_PROJECT_V2_EVENT }}
type RemovedFromProjectV2Event implements Node {{ id: ID! createdAt: DateTime! project: ProjectV2 }}
union IssueTimelineItems = RemovedFromProjectV2Event
type PullRequest implements Node {{ id: ID! number: Int! title: String! updatedAt: DateTime! repository: Repository! }}
type DraftIssue implements Node {{ id: ID! title: String! updatedAt: DateTime! }}
type ProjectV2 implements Node {{
  id: ID! fullDatabaseId: BigInt number: Int! title: String! shortDescription: String readme: String url: URI!
  closed: Boolean! closedAt: DateTime public: Boolean! createdAt: DateTime! updatedAt: DateTime! viewerCanUpdate: Boolean!
  owner: ProjectV2Owner!
  field(name: String!): ProjectV2FieldConfiguration
  fields({_PAGE}): ProjectV2FieldConfigurationConnection!
  items({_PAGE}, query: String = "", archivedStates: [ProjectV2ItemArchivedState!] = [NOT_ARCHIVED]): ProjectV2ItemConnection!
}}
type ProjectV2Field implements Node & ProjectV2FieldCommon {{ id: ID! name: String! dataType: ProjectV2FieldType! }}
type ProjectV2SingleSelectField implements Node & ProjectV2FieldCommon {{
  id: ID! name: String! dataType: ProjectV2FieldType!
  options(names: [String!]): [ProjectV2SingleSelectFieldOption!]!
}}
type ProjectV2SingleSelectFieldOption {{
  id: String! name: String! description: String! color: ProjectV2SingleSelectFieldOptionColor!
}}
union ProjectV2FieldConfiguration = ProjectV2Field | ProjectV2SingleSelectField
type ProjectV2Item implements Node {{
  id: ID! fullDatabaseId: BigInt type: ProjectV2ItemType! isArchived: Boolean! createdAt: DateTime! updatedAt: DateTime!
  project: ProjectV2! content: ProjectV2ItemContent
  fieldValueByName(name: String!): ProjectV2ItemFieldValue
}}
union ProjectV2ItemContent = DraftIssue | Issue | PullRequest
{_value("SingleSelect", "optionId: String name: String")}
{_value("Date", "date: Date")}
{_value("Number", "number: Float")}
{_value("Text", "text: String")}
union ProjectV2ItemFieldValue = ProjectV2ItemFieldDateValue | ProjectV2ItemFieldNumberValue
  | ProjectV2ItemFieldSingleSelectValue | ProjectV2ItemFieldTextValue
{_connection("IssueTimelineItems")}
{_connection("ProjectV2")}
{_connection("ProjectV2Item")}
{_connection("ProjectV2FieldConfiguration")}

input ProjectV2FieldValue {{ date: Date iterationId: String number: Float singleSelectOptionId: String text: String }}

type Query {{
  node(id: ID!): Node
  nodes(ids: [ID!]!): [Node]!
  repositoryOwner(login: String!): RepositoryOwner
  rateLimit(dryRun: Boolean = false): RateLimit
}}
type Mutation
{_change("addProjectV2ItemById", "projectId: ID! contentId: ID!", "item: ProjectV2Item")}
{_change("updateProjectV2ItemFieldValue", f"{_ITEM} fieldId: ID! value: ProjectV2FieldValue!", _UPDATED)}
{_change("clearProjectV2ItemFieldValue", f"{_ITEM} fieldId: ID!", _UPDATED)}
{_change("archiveProjectV2Item", _ITEM, "item: ProjectV2Item")}
{_change("unarchiveProjectV2Item", _ITEM, "item: ProjectV2Item")}
{_change("deleteProjectV2Item", _ITEM, "deletedItemId: ID")}
{_change("createProjectV2", "ownerId: ID! title: String! repositoryId: ID teamId: ID", "projectV2: ProjectV2")}
{_change("updateProjectV2", "projectId: ID! title: String shortDescription: String readme: String closed: Boolean public: Boolean", "projectV2: ProjectV2")}
{_change("deleteProjectV2", "projectId: ID!", "projectV2: ProjectV2")}
"""
