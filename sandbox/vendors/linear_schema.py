"""The part of Linear's schema that the stand-in speaks."""

from __future__ import annotations

_PAGE = "first: Int, after: String, includeArchived: Boolean, orderBy: PaginationOrderBy"


def _connection(name: str) -> str:
    return f"type {name}Connection {{ nodes: [{name}!]! pageInfo: PageInfo! }}"


SCHEMA = f"""
scalar DateTime
scalar DateTimeOrDuration
scalar TimelessDate

enum PaginationOrderBy {{ createdAt updatedAt }}
enum ProjectStatusType {{ backlog planned started paused completed canceled }}

type PageInfo {{ hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }}
type Organization {{ id: ID! name: String! urlKey: String! }}
type User {{
  id: ID! name: String! displayName: String! email: String! active: Boolean! admin: Boolean! title: String timezone: String
  url: String! createdAt: DateTime! updatedAt: DateTime! archivedAt: DateTime
}}
type WorkflowState {{ id: ID! name: String! type: String! position: Float! color: String! }}
type Team {{
  id: ID! name: String! key: String!
  states(first: Int, after: String): WorkflowStateConnection!
}}
type Cycle {{
  id: ID! number: Float! name: String description: String startsAt: DateTime! endsAt: DateTime! completedAt: DateTime
  createdAt: DateTime! updatedAt: DateTime! archivedAt: DateTime team: Team!
}}
type ProjectStatus {{ id: ID! name: String! type: ProjectStatusType! }}
type Project {{
  id: ID! name: String! description: String! content: String startDate: TimelessDate targetDate: TimelessDate trashed: Boolean
  url: String! createdAt: DateTime! updatedAt: DateTime! archivedAt: DateTime lead: User status: ProjectStatus!
}}
type IssueLabel {{
  id: ID! name: String! color: String! description: String isGroup: Boolean! createdAt: DateTime! updatedAt: DateTime!
  archivedAt: DateTime team: Team
}}
type Issue {{
  id: ID! identifier: String! number: Float! title: String! description: String priority: Float! estimate: Float
  dueDate: TimelessDate createdAt: DateTime! updatedAt: DateTime! completedAt: DateTime archivedAt: DateTime trashed: Boolean
  url: String! state: WorkflowState! team: Team! assignee: User creator: User parent: Issue project: Project cycle: Cycle
  labels(first: Int, after: String): IssueLabelConnection!
}}
type Comment {{
  id: ID! body: String! createdAt: DateTime! updatedAt: DateTime! editedAt: DateTime archivedAt: DateTime url: String!
  issue: Issue parent: Comment user: User
}}
type Webhook {{ id: ID! url: String enabled: Boolean! resourceTypes: [String!]! label: String team: Team }}
{_connection("User")}
{_connection("WorkflowState")}
{_connection("Team")}
{_connection("Cycle")}
{_connection("Project")}
{_connection("IssueLabel")}
{_connection("Issue")}
{_connection("Comment")}
{_connection("Webhook")}

input DateComparator {{ gt: DateTimeOrDuration gte: DateTimeOrDuration lt: DateTimeOrDuration lte: DateTimeOrDuration }}
input IDComparator {{ eq: ID in: [ID!] }}
input StringComparator {{ eq: String in: [String!] }}
input TeamFilter {{ id: IDComparator }}
input NullableTeamFilter {{ id: IDComparator null: Boolean }}
input TeamCollectionFilter {{ some: TeamFilter }}
input UserFilter {{ id: IDComparator updatedAt: DateComparator }}
input CycleFilter {{ id: IDComparator updatedAt: DateComparator team: TeamFilter }}
input ProjectFilter {{ id: IDComparator updatedAt: DateComparator accessibleTeams: TeamCollectionFilter }}
input IssueLabelFilter {{
  id: IDComparator updatedAt: DateComparator name: StringComparator team: NullableTeamFilter and: [IssueLabelFilter!]
  or: [IssueLabelFilter!]
}}
input IssueFilter {{ id: IDComparator updatedAt: DateComparator team: TeamFilter }}
input NullableIssueFilter {{ id: IDComparator team: TeamFilter }}
input CommentFilter {{ id: IDComparator updatedAt: DateComparator issue: NullableIssueFilter }}

input IssueCreateInput {{
  id: String teamId: String! title: String description: String priority: Int estimate: Int dueDate: TimelessDate stateId: String
  assigneeId: String parentId: String projectId: String cycleId: String labelIds: [String!]
}}
input IssueUpdateInput {{
  title: String description: String priority: Int estimate: Int dueDate: TimelessDate stateId: String assigneeId: String
  parentId: String projectId: String cycleId: String labelIds: [String!] addedLabelIds: [String!] removedLabelIds: [String!]
}}
input CommentCreateInput {{ id: String issueId: String body: String parentId: String }}
input CommentUpdateInput {{ body: String }}
input IssueLabelCreateInput {{ id: String name: String! color: String description: String teamId: String }}
input IssueLabelUpdateInput {{ name: String color: String description: String }}
input CycleUpdateInput {{ name: String description: String startsAt: DateTime endsAt: DateTime }}
input ProjectCreateInput {{
  id: String name: String! description: String content: String teamIds: [String!]! leadId: String startDate: TimelessDate
  targetDate: TimelessDate
}}
input ProjectUpdateInput {{
  name: String description: String content: String leadId: String startDate: TimelessDate targetDate: TimelessDate
}}
input WebhookCreateInput {{
  url: String! resourceTypes: [String!]! teamId: String allPublicTeams: Boolean secret: String enabled: Boolean label: String
}}
input WebhookUpdateInput {{ url: String resourceTypes: [String!] secret: String enabled: Boolean label: String }}

type IssuePayload {{ success: Boolean! lastSyncId: Float! issue: Issue }}
type IssueArchivePayload {{ success: Boolean! lastSyncId: Float! entity: Issue }}
type CommentPayload {{ success: Boolean! lastSyncId: Float! comment: Comment! }}
type IssueLabelPayload {{ success: Boolean! lastSyncId: Float! issueLabel: IssueLabel! }}
type CyclePayload {{ success: Boolean! lastSyncId: Float! cycle: Cycle }}
type ProjectPayload {{ success: Boolean! lastSyncId: Float! project: Project }}
type ProjectArchivePayload {{ success: Boolean! lastSyncId: Float! entity: Project }}
type DeletePayload {{ success: Boolean! lastSyncId: Float! entityId: String! }}
type WebhookPayload {{ success: Boolean! lastSyncId: Float! webhook: Webhook! }}

type Query {{
  viewer: User!
  organization: Organization!
  team(id: String!): Team!
  teams({_PAGE}): TeamConnection!
  user(id: String!): User!
  users({_PAGE}, filter: UserFilter): UserConnection!
  project(id: String!): Project!
  projects({_PAGE}, filter: ProjectFilter): ProjectConnection!
  cycle(id: String!): Cycle!
  cycles({_PAGE}, filter: CycleFilter): CycleConnection!
  issueLabel(id: String!): IssueLabel!
  issueLabels({_PAGE}, filter: IssueLabelFilter): IssueLabelConnection!
  issue(id: String!): Issue!
  issues({_PAGE}, filter: IssueFilter): IssueConnection!
  comment(id: String, hash: String): Comment!
  comments({_PAGE}, filter: CommentFilter): CommentConnection!
  webhooks({_PAGE}): WebhookConnection!
}}
type Mutation {{
  issueCreate(input: IssueCreateInput!): IssuePayload!
  issueUpdate(id: String!, input: IssueUpdateInput!): IssuePayload!
  issueArchive(id: String!, trash: Boolean): IssueArchivePayload!
  issueDelete(id: String!, permanentlyDelete: Boolean): IssueArchivePayload!
  commentCreate(input: CommentCreateInput!): CommentPayload!
  commentUpdate(id: String!, input: CommentUpdateInput!): CommentPayload!
  commentDelete(id: String!): DeletePayload!
  issueLabelCreate(input: IssueLabelCreateInput!): IssueLabelPayload!
  issueLabelUpdate(id: String!, input: IssueLabelUpdateInput!): IssueLabelPayload!
  issueLabelDelete(id: String!): DeletePayload!
  cycleUpdate(id: String!, input: CycleUpdateInput!): CyclePayload!
  projectCreate(input: ProjectCreateInput!): ProjectPayload!
  projectUpdate(id: String!, input: ProjectUpdateInput!): ProjectPayload!
  projectDelete(id: String!): ProjectArchivePayload!
  webhookCreate(input: WebhookCreateInput!): WebhookPayload!
  webhookUpdate(id: String!, input: WebhookUpdateInput!): WebhookPayload!
  webhookDelete(id: String!): DeletePayload!
}}
"""
