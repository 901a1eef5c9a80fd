"""The documents sent to monday.com. Names and types: the vendor's schema of version 2026-10 (specs/monday.graphql)."""

from __future__ import annotations

API_VERSION = "2026-10"

COLUMN_VALUES = """column_values { id type text
  ... on StatusValue { label is_done }
  ... on DateValue { date time }
  ... on PeopleValue { persons_and_teams { id kind } }
  ... on DropdownValue { values { id label } }
  ... on TagsValue { tags { id name } }
  ... on TimelineValue { from to }
  ... on NumbersValue { number }
  ... on CheckboxValue { checked }
  ... on LinkValue { url url_text }
  ... on EmailValue { email }
  ... on PhoneValue { phone country_short_name }
  ... on RatingValue { rating }
  ... on MirrorValue { display_value }
  ... on FormulaValue { display_value }
  ... on BoardRelationValue { linked_item_ids } }"""

ITEM = (
    "fragment ItemParts on Item { id name state created_at updated_at creator_id url group { id } board { id } "
    f"parent_item {{ id }} {COLUMN_VALUES} }}"
)
UPDATE = (
    "fragment UpdateParts on Update { id item_id body creator_id creator { name } created_at updated_at edited_at "
    "replies { id body creator_id creator { name } created_at updated_at edited_at } }"
)
GROUP = "{ id title color position archived deleted }"
TAG = "{ id name color }"
USER = "{ id name email title phone mobile_phone time_zone_identifier kind status is_deleted url }"

LAYOUT = (
    "query ($ids: [ID!]) { boards(ids: $ids, state: all) { id name description state type url workspace_id updated_at "
    f"groups {GROUP} columns {{ id title type archived settings }} }} }}"
)
FIRST_ITEMS = (
    "query ($board: [ID!], $limit: Int!, $params: ItemsQuery) { boards(ids: $board, state: all) { "
    f"items_page(limit: $limit, query_params: $params) {{ cursor items {{ ...ItemParts }} }} }} }} {ITEM}"
)
NEXT_ITEMS = (
    "query ($cursor: String!, $limit: Int!) { next_items_page(cursor: $cursor, limit: $limit) "
    f"{{ cursor items {{ ...ItemParts }} }} }} {ITEM}"
)
ITEMS = f"query ($ids: [ID!], $limit: Int) {{ items(ids: $ids, limit: $limit) {{ ...ItemParts }} }} {ITEM}"
BY_KEY = (
    "query ($board: ID!, $columns: [ItemsPageByColumnValuesQuery!]) { items_page_by_column_values(board_id: $board, "
    f"columns: $columns, limit: 2) {{ items {{ ...ItemParts }} }} }} {ITEM}"
)
LOGS = (
    "query ($board: [ID!], $items: [ID!]) { boards(ids: $board, state: all) { activity_logs(item_ids: $items, limit: 100) "
    "{ event data created_at } } }"
)
BOARD_UPDATES = (
    "query ($boards: [ID!], $limit: Int, $page: Int, $from: ISO8601DateTime) { boards(ids: $boards, state: all) { "
    f"updates(limit: $limit, page: $page, from_date: $from) {{ ...UpdateParts }} }} }} {UPDATE}"
)
ITEM_UPDATES = (
    "query ($items: [ID!], $limit: Int, $page: Int) { items(ids: $items) { "
    f"updates(limit: $limit, page: $page) {{ ...UpdateParts }} }} }} {UPDATE}"
)
UPDATES = (
    f"query ($ids: [ID!], $limit: Int) {{ updates(ids: $ids, limit: $limit) {{ ...UpdateParts }} }} {UPDATE}"
)
ITEM_STATE = "query ($ids: [ID!]) { items(ids: $ids) { id state board { id } } }"
USERS = f"query ($limit: Int, $page: Int) {{ users(limit: $limit, page: $page) {USER} }}"
USERS_BY_ID = f"query ($ids: [ID!]) {{ users(ids: $ids) {USER} }}"
TAGS = f"query ($boards: [ID!]) {{ tags {TAG} boards(ids: $boards, state: all) {{ tags {TAG} }} }}"
TAGS_BY_ID = f"query ($ids: [ID!]) {{ tags(ids: $ids) {TAG} }}"
ME = "query { me { id name email account { id name slug tier } } version { value kind } }"
ACCOUNT = "query { me { id account { id } } }"
BOARDS = (
    "query ($workspaces: [ID], $limit: Int, $page: Int) { boards(workspace_ids: $workspaces, state: active, limit: $limit, "
    "page: $page, order_by: used_at) { id name type url workspace_id items_count } }"
)
WORKSPACES = (
    "query ($limit: Int, $page: Int) { workspaces(limit: $limit, page: $page, state: active) { id name } }"
)
WEBHOOKS = (
    "query ($board: ID!) { webhooks(board_id: $board, app_webhooks_only: true) { id event board_id config } }"
)

CREATE_ITEM = (
    "mutation ($board: ID!, $name: String!, $group: String, $values: JSON, $labels: Boolean) { create_item(board_id: $board, "
    "item_name: $name, group_id: $group, column_values: $values, create_labels_if_missing: $labels) { ...ItemParts } } "
    + ITEM
)
CREATE_SUBITEM = (
    "mutation ($parent: ID!, $name: String!, $values: JSON, $labels: Boolean) { create_subitem(parent_item_id: $parent, "
    "item_name: $name, column_values: $values, create_labels_if_missing: $labels) { ...ItemParts } } " + ITEM
)
ARCHIVE_ITEM = "mutation ($id: ID) { archive_item(item_id: $id) { id state } }"
DELETE_ITEM = "mutation ($id: ID) { delete_item(item_id: $id) { id state } }"
CREATE_UPDATE = (
    "mutation ($item: ID, $body: String!, $parent: ID) { create_update(item_id: $item, body: $body, parent_id: $parent) "
    f"{{ ...UpdateParts }} }} {UPDATE}"
)
EDIT_UPDATE = f"mutation ($id: ID!, $body: String!) {{ edit_update(id: $id, body: $body) {{ ...UpdateParts }} }} {UPDATE}"
DELETE_UPDATE = "mutation ($id: ID!) { delete_update(id: $id) { id } }"
CREATE_GROUP = (
    "mutation ($board: ID!, $name: String!) { create_group(board_id: $board, group_name: $name) "
    + GROUP
    + " }"
)
TAG_FOR = (
    "mutation ($board: ID, $name: String) { create_or_get_tag(board_id: $board, tag_name: $name) "
    + TAG
    + " }"
)
CREATE_COLUMN = (
    "mutation ($board: ID!, $title: String!, $text: String) { create_column(board_id: $board, title: $title, "
    "column_type: text, description: $text) { id title type archived settings } }"
)
