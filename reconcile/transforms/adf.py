"""Atlassian Document Format ↔ Markdown for the nodes people use; unknown nodes are named, never dropped silently."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from markdown_it.token import Token

from reconcile.kinds import ValueProblem
from reconcile.transforms.markdown import escape_text, parser

Node = Mapping[str, Any]
MAX_DEPTH = 60

_KNOWN = frozenset(
    [
        "doc",
        "paragraph",
        "text",
        "heading",
        "bulletList",
        "orderedList",
        "listItem",
        "codeBlock",
        "blockquote",
        "rule",
        "hardBreak",
        "table",
        "tableRow",
        "tableHeader",
        "tableCell",
    ]
)
_LEADING = re.compile(r"^[^\S\n]+", re.MULTILINE)
_MARKS = frozenset({"strong", "em", "code", "strike", "link"})


def adf_damage(document: Any) -> str | None:
    """Names of nodes and marks that Markdown cannot carry; None if all can."""
    lost: set[str] = set()
    _collect(document, lost, 0)
    return f"it holds {', '.join(sorted(lost))}, which would be lost" if lost else None


def _collect(node: Any, lost: set[str], depth: int) -> None:
    if not isinstance(node, Mapping) or depth > MAX_DEPTH:
        return
    kind = str(node.get("type", ""))
    if kind not in _KNOWN:
        lost.add(kind[:40] or "an unnamed node")
    attrs = node.get("attrs")
    spans = (attrs.get("colspan", 1), attrs.get("rowspan", 1)) if isinstance(attrs, Mapping) else (1, 1)
    if kind in ("tableCell", "tableHeader") and spans != (1, 1):
        lost.add("merged table cells")
    lost.update(str(mark.get("type"))[:40] for mark in _list(node, "marks") if mark.get("type") not in _MARKS)
    for child in _list(node, "content"):
        _collect(child, lost, depth + 1)


def _list(node: Node, key: str) -> list[Any]:
    held = node.get(key)
    return [member for member in held if isinstance(member, Mapping)] if isinstance(held, list) else []


# ADF to Markdown


def adf_to_markdown(document: Any) -> str:
    """The document as Markdown; "" for null. Raises ValueProblem if it is not a document."""
    if document is None or document == "":
        return ""
    if not isinstance(document, Mapping) or document.get("type") != "doc":
        raise ValueProblem("the text is not an ADF document")
    return _blocks(document, 0)


def _blocks(node: Node, depth: int) -> str:
    return "\n\n".join(text for child in _list(node, "content") if (text := _block(child, depth + 1)))


def _block(node: Node, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise ValueProblem("the text is nested too deeply")
    kind = str(node.get("type", ""))
    write = _BLOCKS.get(kind)
    if write is not None:
        return write(node, depth)
    if node.get("content"):
        inner = _blocks(node, depth)
        return _quote(inner) if kind == "panel" else inner
    return _inline([node], depth)


def _inline(nodes: list[Any], depth: int) -> str:
    line = ""
    for node in nodes:
        kind = str(node.get("type", ""))
        if kind == "text":
            line += _text(node, before=line.rpartition("\n")[2].strip())
        else:
            line += _INLINE.get(kind, _placeholder)(node)
    return line


def _placeholder(node: Node) -> str:
    attrs = node.get("attrs")
    text = (
        attrs.get("text") or attrs.get("alt") or attrs.get("shortName")
        if isinstance(attrs, Mapping)
        else None
    )
    return escape_text(str(text)) if text else f"\\[{escape_text(str(node.get('type', '?')))}\\]"


def _text(node: Node, *, before: str) -> str:
    text = str(node.get("text", ""))
    marks = {str(mark.get("type")): mark for mark in _list(node, "marks")}
    if "code" in marks:
        fence = "``" if "`" in text else "`"
        body = f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"
    else:
        body = escape_text(text, before=before)
        lead, core, tail = _split_spaces(body)
        if core:
            for mark, sign in (("em", "*"), ("strong", "**"), ("strike", "~~")):
                core = f"{sign}{core}{sign}" if mark in marks else core
        body = lead + core + tail
    link = marks.get("link")
    href = link.get("attrs", {}).get("href", "") if link and isinstance(link.get("attrs"), Mapping) else ""
    return f"[{body}]({_target(str(href))})" if href else body


def _split_spaces(text: str) -> tuple[str, str, str]:
    core = text.strip()
    if not core:
        return text, "", ""
    start = text.index(core)
    return text[:start], core, text[start + len(core) :]


def _target(href: str) -> str:
    return f"<{href}>" if re.search(r"[\s()]", href) else href


def _card(node: Node) -> str:
    attrs = node.get("attrs")
    url = attrs.get("url") if isinstance(attrs, Mapping) else None
    return f"<{url}>" if url else "\\[card\\]"


def _heading(node: Node, depth: int) -> str:
    attrs = node.get("attrs")
    level = attrs.get("level", 1) if isinstance(attrs, Mapping) else 1
    level = level if isinstance(level, int) and 1 <= level <= 6 else 1
    return f"{'#' * level} {_inline(_list(node, 'content'), depth)}".rstrip()


def _code(node: Node, depth: int) -> str:
    attrs = node.get("attrs")
    language = str(attrs.get("language") or "") if isinstance(attrs, Mapping) else ""
    text = "".join(str(child.get("text", "")) for child in _list(node, "content"))
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def _quote(text: str) -> str:
    return "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))


def _items(node: Node, depth: int) -> str:
    attrs = node.get("attrs")
    order = attrs.get("order", 1) if isinstance(attrs, Mapping) else 1
    order = order if isinstance(order, int) and not isinstance(order, bool) else 1
    lines = []
    for number, item in enumerate(_list(node, "content")):
        sign = f"{order + number}." if node.get("type") == "orderedList" else "-"
        body = _item_body(_list(item, "content"), depth + 1)
        lines.append(f"{sign} " + body.replace("\n", "\n" + " " * (len(sign) + 1)))
    return "\n".join(lines)


def _item_body(nodes: list[Any], depth: int) -> str:
    body = ""
    for node in nodes:
        text = _block(node, depth)
        if not text:
            continue
        is_list = node.get("type") in ("bulletList", "orderedList")
        body += ("\n" if is_list else "\n\n") * bool(body) + text
    return body


def _task(node: Node, depth: int) -> str:
    lines = []
    for item in _list(node, "content"):
        if item.get("type") == "taskList":
            lines.append("  " + _task(item, depth + 1).replace("\n", "\n  "))
            continue
        attrs = item.get("attrs")
        is_done = isinstance(attrs, Mapping) and attrs.get("state") == "DONE"
        lines.append(f"- [{'x' if is_done else ' '}] {_inline(_list(item, 'content'), depth)}")
    return "\n".join(lines)


def _cell(node: Node, depth: int) -> str:
    # A Markdown cell is one line; breaks in it become spaces.
    text = _blocks(node, depth + 1).replace("\\\n", " ")
    return " ".join(text.split("\n")).replace("|", "\\|").strip()


def _table(node: Node, depth: int) -> str:
    rows = []
    for row in _list(node, "content"):
        cells = [_cell(cell, depth) for cell in _list(row, "content")]
        rows.append(f"| {' | '.join(cells)} |")
        if len(rows) == 1:
            rows.append("|" + " --- |" * len(cells))
    return "\n".join(rows)


_BLOCKS: Mapping[str, Callable[[Node, int], str]] = {
    "paragraph": lambda node, depth: _LEADING.sub("", _inline(_list(node, "content"), depth)).rstrip(),
    "heading": _heading,
    "bulletList": _items,
    "orderedList": _items,
    "codeBlock": _code,
    "blockquote": lambda node, depth: _quote(_blocks(node, depth)),
    "rule": lambda node, depth: "---",
    "taskList": _task,
    "table": _table,
}
_INLINE: Mapping[str, Callable[[Node], str]] = {
    "hardBreak": lambda node: "\\\n",
    "inlineCard": _card,
}


# Markdown to ADF


def markdown_to_adf(text: str) -> dict[str, Any]:
    """An ADF document of the Markdown text; an empty one for ""."""
    content, _ = _nodes(parser().parse(text), 0, "")
    return {"type": "doc", "version": 1, "content": content}


_OPENERS: Mapping[str, str] = {
    "paragraph_open": "paragraph", "heading_open": "heading", "bullet_list_open": "bulletList",
    "ordered_list_open": "orderedList", "list_item_open": "listItem", "blockquote_open": "blockquote",
    "table_open": "table", "tr_open": "tableRow", "th_open": "tableHeader", "td_open": "tableCell",
}  # fmt: skip


def _nodes(tokens: list[Token], at: int, until: str) -> tuple[list[dict[str, Any]], int]:
    nodes: list[dict[str, Any]] = []
    while at < len(tokens):
        token = tokens[at]
        at += 1
        if token.type == until:
            return nodes, at
        if token.type in _OPENERS:
            inner, at = _nodes(tokens, at, token.type.replace("_open", "_close"))
            nodes.append(_made(token, inner))
        elif token.type == "inline":
            nodes.extend(_runs(token.children or []))
        elif token.type in ("fence", "code_block"):
            nodes.append(_code_node(token))
        elif token.type == "hr":
            nodes.append({"type": "rule"})
        elif token.type in ("thead_open", "tbody_open"):
            inner, at = _nodes(tokens, at, token.type.replace("_open", "_close"))
            nodes.extend(inner)
    return nodes, at


def _made(token: Token, inner: list[dict[str, Any]]) -> dict[str, Any]:
    kind = _OPENERS[token.type]
    if kind in ("tableHeader", "tableCell"):
        inner = [{"type": "paragraph", "content": inner}] if inner else [{"type": "paragraph"}]
    if kind == "listItem" and not inner:
        inner = [{"type": "paragraph"}]
    node: dict[str, Any] = {"type": kind}
    if kind == "heading":
        node["attrs"] = {"level": int(token.tag[1])}
    if kind == "orderedList":
        node["attrs"] = {"order": int(token.attrs.get("start", 1))}
    if inner:
        node["content"] = inner
    return node


def _code_node(token: Token) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "codeBlock"}
    if token.info.strip():
        node["attrs"] = {"language": token.info.strip().split()[0]}
    if token.content.rstrip("\n"):
        node["content"] = [{"type": "text", "text": token.content.rstrip("\n")}]
    return node


_MARK_OPEN: Mapping[str, str] = {"strong_open": "strong", "em_open": "em", "s_open": "strike"}


def _runs(tokens: list[Token]) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    for token in tokens:
        if token.type in _MARK_OPEN:
            marks.append({"type": _MARK_OPEN[token.type]})
        elif token.type == "link_open":
            marks.append({"type": "link", "attrs": {"href": str(token.attrs.get("href", ""))}})
        elif token.type.endswith("_close") and marks:
            marks.pop()
        elif token.type == "hardbreak":
            nodes.append({"type": "hardBreak"})
        elif token.type == "softbreak":
            _add_text(nodes, "\n", marks)
        elif token.type == "code_inline":
            links = [mark for mark in marks if mark["type"] == "link"]
            _add_text(nodes, token.content, [{"type": "code"}, *links])
        elif token.type == "image":
            href = {"type": "link", "attrs": {"href": str(token.attrs.get("src", ""))}}
            _add_text(nodes, token.content or str(token.attrs.get("src", "")), [href])
        elif token.content:
            _add_text(nodes, token.content, marks)
    return nodes


def _add_text(nodes: list[dict[str, Any]], text: str, marks: list[dict[str, Any]]) -> None:
    if not text:
        return
    if nodes and nodes[-1]["type"] == "text" and nodes[-1].get("marks", []) == marks:
        nodes[-1]["text"] += text
        return
    node: dict[str, Any] = {"type": "text", "text": text}
    if marks:
        node["marks"] = [dict(mark) for mark in marks]
    nodes.append(node)
