"""Rich text: Markdown here, the vendor's HTML, Markdown, ADF or plain text there."""

from __future__ import annotations

from html import escape
from typing import Any

from reconcile.kinds import Kind, ValueProblem, shown
from reconcile.model import JSON, MapContext, Unmapped
from reconcile.transforms.adf import adf_damage, adf_to_markdown, markdown_to_adf
from reconcile.transforms.base import Option, Options, Transform
from reconcile.transforms.markdown import (
    html_damage,
    html_to_markdown,
    looks_like_html,
    markdown_to_html,
    markdown_to_plain,
)


class RichTextTransform(Transform):
    """``format`` says what the vendor holds. Text nobody edited here is never written back.

    ``plain`` sends Markdown as it stands (nothing is lost on the way back); with ``strip`` only its words.
    """

    name = "rich_text"
    label = "Formatted text"
    kinds = frozenset({Kind.RICH_TEXT, Kind.TEXT})
    lossy = True
    options = {
        "format": Option(
            "string",
            "what the vendor holds",
            choices=("markdown", "html", "adf", "plain"),
            default="markdown",
        ),
        "strip": Option("boolean", "format plain: send only the words", default=False),
        "max_length": Option("integer", "refuse longer texts when sending"),
        "empty": Option("string", "what the other side wants for empty; null if not given"),
    }

    def inward(self, value: Any, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None or value == "":
            return None
        if options["format"] == "adf":
            return adf_to_markdown(value)
        if not isinstance(value, str):
            raise ValueProblem(f"{shown(value)} is not a text")
        if options["format"] == "html":
            # Vendors keep plain text in HTML fields as it came and may wrap it later: both must read alike.
            is_html = looks_like_html(value)
            return html_to_markdown(value if is_html else escape(value, quote=False).replace("\n", "<br>"))
        return value

    def outward(self, value: JSON, options: Options, ctx: MapContext) -> JSON | Unmapped:
        if value is None or value == "":
            return options["empty"]
        sent: JSON
        if options["format"] == "adf":
            return markdown_to_adf(value)
        if options["format"] == "html":
            sent = markdown_to_html(value)
        else:
            sent = markdown_to_plain(value) if options["strip"] else value
        if options["max_length"] is not None and len(sent) > options["max_length"]:
            raise ValueProblem(
                f"the text has {len(sent)} characters; {options['max_length']} are allowed there"
            )
        return sent

    def normalise(self, value: Any, options: Options) -> JSON:
        if isinstance(value, str) and "\r" in value:
            return value.replace("\r\n", "\n").replace("\r", "\n")
        return value

    def damage(self, value: Any, options: Options) -> str | None:
        if options["format"] == "adf" and isinstance(value, dict):
            return adf_damage(value)
        if options["format"] == "html" and isinstance(value, str):
            return html_damage(value)
        return None
