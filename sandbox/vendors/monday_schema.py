"""The part of monday.com's schema (version 2026-10) that the stand-in speaks."""

from __future__ import annotations

_VALUE = "id: ID! type: ColumnType! text: String value: JSON column: Column!"

SCHEMA = f"""
scalar JSON
scalar Date
scalar ISO8601DateTime
scalar CompareValue

enum State {{ active all archived deleted }}
enum BoardObjectType {{ board custom_object document sub_items_board }}
enum BoardsOrderBy {{ created_at used_at }}
enum VersionKind {{ current deprecated dev maintenance previous_maintenance release_candidate }}
enum UserStatus {{ ACTIVE INACTIVE PENDING }}
enum Kind {{ agent person team }}
enum GroupAttributes {{ color position relative_position_after relative_position_before title }}
enum BoardAttributes {{ communication description item_nickname name }}
enum PositionRelative {{ after_at before_at }}
enum ItemsOrderByDirection {{ asc desc }}
enum ItemsQueryOperator {{ and or }}
enum ItemsQueryRuleOperator {{
  any_of not_any_of is_empty is_not_empty greater_than greater_than_or_equals lower_than lower_than_or_equal between
  not_contains_text contains_text contains_terms starts_with ends_with within_the_next within_the_last
}}
enum WebhookEventType {{
  change_column_value change_name change_specific_column_value change_status_column_value change_subitem_column_value
  change_subitem_name create_column create_item create_subitem create_subitem_update create_update delete_update edit_update
  item_archived item_deleted item_moved_to_any_group item_moved_to_specific_group item_restored move_subitem
  subitem_archived subitem_deleted
}}
enum ColumnType {{
  auto_number board_relation button checkbox color_picker country creation_log date dependency doc dropdown email file formula
  group hour integration item_assignees item_id last_updated link location long_text mirror numbers people phone progress
  rating status tags team text timeline time_tracking vote week world_clock unsupported name person direct_doc subtasks
}}

type Account {{ id: ID! name: String! slug: String! tier: String }}
type User {{
  id: ID! name: String! email: String! title: String! phone: String mobile_phone: String time_zone_identifier: String
  kind: String! status: UserStatus! is_deleted: Boolean! url: String! account: Account!
}}
type Version {{ display_name: String! kind: VersionKind! value: String! }}
type Complexity {{ after: Int! before: Int! query: Int! reset_in_x_seconds: Int! }}
type Workspace {{ id: ID name: String! state: State }}
type Tag {{ id: ID! name: String! color: String! }}
type Webhook {{ id: ID! event: WebhookEventType! board_id: ID! config: String }}
type Group {{ id: ID! title: String! color: String! position: String! archived: Boolean deleted: Boolean }}
type Column {{
  id: ID! title: String! type: ColumnType! archived: Boolean! settings: JSON description: String revision: String!
}}
type ActivityLogType {{
  id: String! event: String! data: String! entity: String! user_id: String! account_id: String! created_at: String!
}}
type Board {{
  id: ID! name: String! description: String state: State! type: BoardObjectType url: String! workspace_id: ID
  updated_at: ISO8601DateTime items_count: Int groups(ids: [String]): [Group] columns(ids: [String], types: [ColumnType!]): [Column]
  tags: [Tag] items_page(cursor: String, limit: Int! = 25, query_params: ItemsQuery): ItemsResponse!
  updates(limit: Int = 25, page: Int = 1, ids: [ID!], from_date: ISO8601DateTime, to_date: ISO8601DateTime): [Update!]
  activity_logs(
    column_ids: [String], from: ISO8601DateTime, item_ids: [ID!], limit: Int = 25, page: Int = 1, to: ISO8601DateTime,
    user_ids: [ID!]
  ): [ActivityLogType]
}}
type ItemsResponse {{ cursor: String items: [Item!]! }}
type Item {{
  id: ID! name: String! state: State created_at: Date updated_at: Date creator_id: String! url: String! relative_link: String
  board: Board group: Group parent_item: Item subitems: [Item]
  column_values(ids: [String!], types: [ColumnType!]): [ColumnValue!]!
  updates(limit: Int = 25, page: Int = 1, ids: [ID!]): [Update!]
}}
type Update {{
  id: ID! item_id: String body: String! text_body: String creator_id: String creator: User created_at: Date updated_at: Date
  edited_at: Date! replies: [Reply!]
}}
type Reply {{
  id: ID! body: String! text_body: String kind: String! creator_id: String creator: User created_at: Date updated_at: Date
  edited_at: Date!
}}

interface ColumnValue {{ {_VALUE} }}
type StatusValue implements ColumnValue {{ {_VALUE} index: Int label: String is_done: Boolean updated_at: Date }}
type DateValue implements ColumnValue {{ {_VALUE} date: String time: String }}
type PeopleEntity {{ id: ID! kind: Kind }}
type PeopleValue implements ColumnValue {{ {_VALUE} persons_and_teams: [PeopleEntity!] }}
type DropdownValueOption {{ id: ID! label: String! }}
type DropdownValue implements ColumnValue {{ {_VALUE} values: [DropdownValueOption!]! }}
type TagsValue implements ColumnValue {{ {_VALUE} tag_ids: [Int!]! tags: [Tag!]! }}
type TimelineValue implements ColumnValue {{ {_VALUE} from: Date to: Date }}
type NumbersValue implements ColumnValue {{ {_VALUE} number: Float }}
type TextValue implements ColumnValue {{ {_VALUE} }}
type LongTextValue implements ColumnValue {{ {_VALUE} }}
type CheckboxValue implements ColumnValue {{ {_VALUE} checked: Boolean }}
type LinkValue implements ColumnValue {{ {_VALUE} url: String url_text: String }}
type EmailValue implements ColumnValue {{ {_VALUE} email: String label: String }}
type PhoneValue implements ColumnValue {{ {_VALUE} phone: String country_short_name: String }}
type RatingValue implements ColumnValue {{ {_VALUE} rating: Int }}
type MirrorValue implements ColumnValue {{ {_VALUE} display_value: String! }}
type FormulaValue implements ColumnValue {{ {_VALUE} display_value: String! }}
type BoardRelationValue implements ColumnValue {{ {_VALUE} linked_item_ids: [ID!]! display_value: String! }}
type SubtasksValue implements ColumnValue {{ {_VALUE} }}

input ItemsQueryRule {{
  column_id: ID! compare_value: CompareValue! compare_attribute: String operator: ItemsQueryRuleOperator = any_of
}}
input ItemsQueryOrderBy {{ column_id: String! direction: ItemsOrderByDirection = asc }}
input ItemsQuery {{
  ids: [ID!] operator: ItemsQueryOperator = and order_by: [ItemsQueryOrderBy!] rules: [ItemsQueryRule!]
}}
input ItemsPageByColumnValuesQuery {{ column_id: String! column_values: [String]! }}

type Query {{
  me: User
  version: Version!
  complexity: Complexity
  users(ids: [ID!], emails: [String!], name: String, limit: Int, page: Int): [User!]
  workspaces(ids: [ID!], limit: Int = 25, page: Int = 1, state: State = active): [Workspace]
  boards(
    ids: [ID!], workspace_ids: [ID], state: State = active, limit: Int = 25, page: Int = 1, order_by: BoardsOrderBy
  ): [Board]
  items(ids: [ID!], limit: Int = 25, page: Int = 1, exclude_nonactive: Boolean, newest_first: Boolean): [Item]
  next_items_page(cursor: String!, limit: Int! = 25): ItemsResponse!
  items_page_by_column_values(
    board_id: ID!, columns: [ItemsPageByColumnValuesQuery!], cursor: String, limit: Int! = 25
  ): ItemsResponse!
  updates(ids: [ID!], limit: Int = 25, page: Int = 1, from_date: String, to_date: String): [Update!]
  tags(ids: [ID!]): [Tag]
  webhooks(board_id: ID!, app_webhooks_only: Boolean): [Webhook]
}}
type Mutation {{
  create_item(
    board_id: ID!, item_name: String!, group_id: String, column_values: JSON, create_labels_if_missing: Boolean,
    position_relative_method: PositionRelative, relative_to: ID
  ): Item
  create_subitem(
    parent_item_id: ID!, item_name: String!, column_values: JSON, create_labels_if_missing: Boolean
  ): Item
  change_multiple_column_values(
    board_id: ID!, item_id: ID, column_values: JSON!, create_labels_if_missing: Boolean
  ): Item
  move_item_to_group(item_id: ID, group_id: String!): Item
  archive_item(item_id: ID): Item
  delete_item(item_id: ID): Item
  create_update(item_id: ID, body: String!, parent_id: ID, use_app_info: Boolean, original_creation_date: String): Update
  edit_update(id: ID!, body: String!): Update!
  delete_update(id: ID!): Update
  create_group(board_id: ID!, group_name: String!, group_color: String, position: String): Group
  update_group(board_id: ID!, group_id: String!, group_attribute: GroupAttributes!, new_value: String!): Group
  update_board(board_id: ID!, board_attribute: BoardAttributes!, new_value: String!): JSON
  create_column(board_id: ID!, id: String, title: String!, column_type: ColumnType!, description: String, defaults: JSON): Column
  create_or_get_tag(tag_name: String, board_id: ID): Tag
  create_webhook(board_id: ID!, url: String!, event: WebhookEventType!, config: JSON): Webhook
  delete_webhook(id: ID!): Webhook
}}
"""

#: which type of value a column's type answers
VALUE_TYPES = {
    "status": "StatusValue",
    "date": "DateValue",
    "people": "PeopleValue",
    "dropdown": "DropdownValue",
    "tags": "TagsValue",
    "timeline": "TimelineValue",
    "numbers": "NumbersValue",
    "text": "TextValue",
    "long_text": "LongTextValue",
    "checkbox": "CheckboxValue",
    "link": "LinkValue",
    "email": "EmailValue",
    "phone": "PhoneValue",
    "rating": "RatingValue",
    "mirror": "MirrorValue",
    "formula": "FormulaValue",
    "board_relation": "BoardRelationValue",
    "subtasks": "SubtasksValue",
}
