"""A board page for stand-ins that are boards: columns of cards to drag, and a card's page to edit as anybody.

A vendor that mixes in ``Kanban`` says what its columns, cards and form fields are; changes go through the vendor's
own ``edit`` and ``remove``, so that they are checked and told like any person's change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape, unescape
from typing import Any
from urllib.parse import quote

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from connectors.base.paths import read_path

from .vendor import SheetField, Vendor
from .web import Refusal


@dataclass(frozen=True)
class Face:
    """A card as it lies on the board. ``labels`` are (text, colour); ``badges`` short texts below the title."""

    id: str
    title: str
    number: str = ""
    labels: Sequence[tuple[str, str]] = ()
    badges: Sequence[str] = ()
    people: Sequence[str] = ()
    stripe: str = ""
    warning: str = ""


@dataclass(frozen=True)
class Column:
    id: str
    title: str
    faces: Sequence[Face]
    limit: int = 0
    is_quiet: bool = False  # shown paler: archive, backlog


@dataclass(frozen=True)
class Remark:
    """A comment as it is shown."""

    id: str
    author: str
    when: str
    text: str


@dataclass(frozen=True)
class Look:
    """The product's colours. ``css`` comes after the common rules."""

    page: str
    header: str
    column: str
    ink: str = "#172b4d"
    card: str = "#fff"
    accent: str = "#0055cc"
    css: str = ""


@dataclass(frozen=True)
class BoardView:
    title: str
    columns: Sequence[Column]
    others: Mapping[str, str] = field(default_factory=dict)  # further boards: id → name


class Kanban(Vendor):
    """What a stand-in answers for its pages. ``column_field`` is the form field that says where a card is."""

    look = Look(page="#f4f5f7", header="#1a2b49", column="#ebecf0")
    column_field = "list"

    def board_view(self, board_id: str) -> BoardView:
        raise NotImplementedError

    def people_here(self) -> Mapping[str, str]:
        """Who may act on the page: id → name, the integration's own account left out."""
        raise NotImplementedError

    def card_fields(self, id: str | None) -> tuple[SheetField, ...]:
        raise NotImplementedError

    def card_values(self, id: str) -> Mapping[str, Any] | None:
        """The form's values of a card; None if there is no such card."""
        raise NotImplementedError

    def remarks(self, id: str) -> Sequence[Remark]:
        raise NotImplementedError

    def add_remark(self, id: str, text: str, *, actor: str) -> None:
        raise NotImplementedError

    def set_archived(self, id: str, *, actor: str) -> None:
        """Archives the card, or takes it out of the archive again."""
        raise NotImplementedError

    def page(self, request: Request, path: str) -> Response | None:
        """``""`` and ``board/<id>`` the board, ``card/new``, ``card/<id>``, and POST ``card/<id>/move``."""
        parts = [part for part in path.split("/") if part]
        with self.world.lock:
            if not parts or parts[0] == "board":
                return self._board_page(request, parts[1] if len(parts) > 1 else "")
            if parts[0] != "card" or len(parts) < 2:
                return None
            if request.method == "POST":
                return self._page_post(request, parts[1], parts[2] if len(parts) > 2 else "")
            return self._card_page(request, parts[1])

    # --- actions -------------------------------------------------------------------------------------------------

    def _page_post(self, request: Request, id: str, action: str) -> Response:
        origin = request.headers.get("Origin")
        if origin is not None and origin != request.host_url.rstrip("/"):
            return Response("Refused.\n", status=403, content_type="text/plain")
        form = request.form
        actor = form.get("actor") or next(iter(self.people_here()))
        if actor not in self.people_here():
            return Response("No such person.\n", status=400, content_type="text/plain")
        try:
            self._page_act(form, id, action or form.get("_action", "save"), actor)
        except Refusal as refusal:
            if action == "move":
                return Response(refusal.message, status=refusal.status, content_type="text/plain")
            return self._card_page(request, id, note=refusal.message)
        back = f"/{self.slug}/ui/"
        stays = form.get("_action") in ("comment", "save") and id != "new"
        return self._with_actor(redirect(f"{back}card/{quote(id)}" if stays else back, 303), actor)

    def _page_act(self, form: Mapping[str, str], id: str, action: str, actor: str) -> None:
        match action:
            case "delete":
                self.remove("card", id, actor=actor)
            case "archive":
                self.set_archived(id, actor=actor)
            case "comment":
                if form.get("text", "").strip():
                    self.add_remark(id, form["text"].replace("\r\n", "\n").strip(), actor=actor)
            case "move":
                self.edit("card", id, {self.column_field: form.get("to", "")}, actor=actor)
            case _:
                values = _values(self.card_fields(None if id == "new" else id), form)
                if id == "new":
                    if not values.get("title"):
                        raise Refusal(422, "A card needs a title.")
                    self.edit(
                        "card",
                        None,
                        {name: v for name, v in values.items() if v not in ("", None, [])},
                        actor=actor,
                    )
                    return
                before = self.card_values(id) or {}
                changed = {name: v for name, v in values.items() if _plain(before.get(name)) != _plain(v)}
                if changed:
                    self.edit("card", id, changed, actor=actor)

    def _with_actor(self, response: Any, actor: str) -> Response:
        response.set_cookie(f"{self.slug}-actor", actor, samesite="Lax", path=f"/{self.slug}/ui")
        return response  # type: ignore[no-any-return]

    # --- pages ---------------------------------------------------------------------------------------------------

    def _board_page(self, request: Request, board_id: str) -> Response:
        view = self.board_view(board_id)
        columns = "".join(self._column_html(column) for column in view.columns)
        others = "".join(
            f'<a href="/{self.slug}/ui/board/{quote(id)}">{escape(name)}</a>'
            for id, name in view.others.items()
        )
        body = (
            f'<div class="bar"><h1>{escape(view.title)}</h1><nav aria-label="Boards">{others}</nav>{self._actor_html(request)}'
            f'</div><main class="board" id="board">{columns}</main>{_SCRIPT}'
        )
        return self._whole_page(view.title, body)

    def _column_html(self, column: Column) -> str:
        over = " over" if column.limit and len(column.faces) > column.limit else ""
        count = f"{len(column.faces)}/{column.limit}" if column.limit else str(len(column.faces))
        faces = "".join(self._face_html(face) for face in column.faces)
        return (
            f'<section class="column{" quiet" if column.is_quiet else ""}" data-column="{escape(column.id)}" aria-label="{escape(column.title)}">'
            f'<h2>{escape(column.title)} <span class="count{over}">{count}</span></h2><div class="cards">{faces}</div>'
            f'<form method="post" action="/{self.slug}/ui/card/new" class="add"><input type="hidden" name="{escape(self.column_field)}" value="{escape(column.id)}">'
            f'<input name="title" placeholder="Add a card" aria-label="Title of a new card in {escape(column.title)}" required><button>Add</button></form></section>'
        )

    def _face_html(self, face: Face) -> str:
        labels = "".join(
            f'<span class="label" style="background:{escape(colour)}">{escape(text)}</span>'
            for text, colour in face.labels
        )
        badges = "".join(f'<span class="badge">{escape(badge)}</span>' for badge in face.badges)
        people = "".join(
            f'<span class="face" title="{escape(name)}">{escape(_initials(name))}</span>'
            for name in face.people
        )
        number = f'<span class="number">{escape(face.number)}</span>' if face.number else ""
        warning = f'<span class="warning">{escape(face.warning)}</span>' if face.warning else ""
        stripe = f' style="--stripe:{escape(face.stripe)}"' if face.stripe else ""
        return (
            f'<article class="card" draggable="true" data-card="{escape(face.id)}"{stripe}>{number}<div class="labels">{labels}</div>'
            f'<a href="/{self.slug}/ui/card/{quote(face.id)}">{escape(face.title)}</a>{warning}<div class="foot">{badges}{people}</div></article>'
        )

    def _card_page(self, request: Request, id: str, *, note: str = "") -> Response:
        values = {} if id == "new" else self.card_values(id)
        if values is None:
            return self._whole_page(
                "Not found", "<main class=sheet><h1>This card does not exist here any more.</h1></main>", 404
            )
        inputs = "".join(_input(one, values) for one in self.card_fields(None if id == "new" else id))
        buttons = '<button name="_action" value="save">Save</button>'
        talk = ""
        if id != "new":
            buttons += '<button class="plain" name="_action" value="archive">Archive / restore</button>'
            buttons += '<button class="danger" name="_action" value="delete">Delete</button>'
            talk = self._talk_html(id)
        warning = f'<p class="note" role="alert">{escape(note)}</p>' if note else ""
        action = f"/{self.slug}/ui/card/{quote(id)}"
        body = (
            f'<main class="sheet"><p><a href="/{self.slug}/ui/">← Board</a></p>{warning}<form method="post" action="{action}" class="box">'
            f'{self._actor_html(request)}{inputs}<div class="bar">{buttons}</div></form>{talk}</main>'
        )
        return self._whole_page(str(values.get("title") or "New card"), body, 400 if note else 200)

    def _talk_html(self, id: str) -> str:
        remarks = "".join(
            f"<li><strong>{escape(one.author)}</strong> <time>{escape(one.when)}</time><p>{escape(words(one.text))}</p></li>"
            for one in self.remarks(id)
        )
        people = "".join(
            f'<option value="{escape(key)}">{escape(name)}</option>'
            for key, name in self.people_here().items()
        )
        return (
            f'<section class="box"><h2>Comments</h2><ul class="talk">{remarks}</ul><form method="post" action="/{self.slug}/ui/card/{quote(id)}">'
            f'<label for="c-by">By</label><select id="c-by" name="actor">{people}</select><label for="c-text">Comment</label>'
            f'<textarea id="c-text" name="text" required></textarea><div class="bar"><button name="_action" value="comment">Comment</button></div></form></section>'
        )

    def _actor_html(self, request: Request) -> str:
        chosen = request.cookies.get(f"{self.slug}-actor", "")
        options = "".join(
            f'<option value="{escape(id)}"{" selected" if id == chosen else ""}>{escape(name)}</option>'
            for id, name in self.people_here().items()
        )
        return f'<label class="actor">Acting as <select name="actor" id="actor">{options}</select></label>'

    def _whole_page(self, title: str, body: str, status: int = 200) -> Response:
        look = self.look
        colours = (
            f"--page:{look.page};--header:{look.header};--column:{look.column};--ink:{look.ink};--card:{look.card};"
            f"--accent:{look.accent}"
        )
        html = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{escape(title)} · {escape(self.name)}</title><style>:root{{{colours}}}{_STYLE}{look.css}</style></head><body>"
            f'<header><strong>{escape(self.name)}</strong><a href="/{self.slug}/ui/">Board</a><small>stand-in · <a href="/">all</a></small></header>{body}</body></html>'
        )
        return Response(html, status=status, content_type="text/html; charset=utf-8")


def words(text: str) -> str:
    """A text without its mark-up, for showing."""
    broken = re.sub(r"(?i)<br\s*/?>|</p>|</li>|</div>", "\n", text)
    return unescape(re.sub(r"<[^>]+>", "", broken)).strip()


def plural(count: int) -> str:
    """The badge of a card with comments."""
    return f"{count} comment" if count == 1 else f"{count} comments"


def _initials(name: str) -> str:
    return "".join(part[0] for part in name.split()[:2]).upper()


def _plain(value: Any) -> Any:
    return (
        None
        if value in ("", None, [])
        else [str(one) for one in value]
        if isinstance(value, list)
        else str(value)
    )


def _input(one: SheetField, values: Mapping[str, Any]) -> str:
    value = read_path(values, one.name, None)
    name, label = escape(one.name), escape(one.label)
    match one.input:
        case "show":
            return f"<label>{label}</label><div>{escape(str(value or '–'))}</div>"
        case "area":
            return f'<label for="f-{name}">{label}</label><textarea id="f-{name}" name="{name}">{escape(str(value or ""))}</textarea>'
        case "many":
            boxes = "".join(
                f'<label class="tick"><input type="checkbox" name="{name}" value="{escape(key)}"{" checked" if key in (value or []) else ""}>{escape(text)}</label>'
                for key, text in one.choices.items()
            )
            return f"<fieldset><legend>{label}</legend>{boxes}</fieldset>"
        case "check":
            return f'<label class="tick"><input type="checkbox" name="{name}" value="1"{" checked" if value else ""}>{label}</label>'
        case "choice":
            options = "".join(
                f'<option value="{escape(key)}"{" selected" if key == str(value or "") else ""}>{escape(text)}</option>'
                for key, text in one.choices.items()
            )
            return (
                f'<label for="f-{name}">{label}</label><select id="f-{name}" name="{name}">{options}</select>'
            )
    shown = (
        ", ".join(value)
        if one.input == "tags" and isinstance(value, list)
        else str(value if value is not None else "")
    )
    kind = one.input if one.input in ("date", "number") else "text"
    return f'<label for="f-{name}">{label}</label><input type="{kind}" id="f-{name}" name="{name}" value="{escape(shown)}">'


def _values(fields: Sequence[SheetField], form: Any) -> dict[str, Any]:
    """Form values by name. What the form did not send is left out; ticks only count in the whole form."""
    is_whole = "_action" in form and any(one.input == "area" and one.name in form for one in fields)
    values: dict[str, Any] = {}
    for one in fields:
        if one.input == "show" or (
            one.name not in form and not (is_whole and one.input in ("many", "check"))
        ):
            continue
        text = str(form.get(one.name, "")).replace("\r\n", "\n").strip()
        match one.input:
            case "many":
                values[one.name] = form.getlist(one.name)
            case "check":
                values[one.name] = one.name in form
            case "tags":
                values[one.name] = [part.strip() for part in text.split(",") if part.strip()]
            case "number":
                values[one.name] = int(text) if text.isdigit() else None
            case "date":
                values[one.name] = text or None
            case _:
                values[one.name] = text
    return values


_STYLE = """
*{box-sizing:border-box}body{margin:0;font:14px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--page);min-height:100vh}
header{background:var(--header);color:#fff;display:flex;gap:1.2rem;align-items:center;padding:.6rem 1rem}header a{color:#fff}header small{margin-left:auto}
.bar{display:flex;gap:.8rem;align-items:center;flex-wrap:wrap;padding:.6rem 1rem}.bar h1{font-size:1.2rem;margin:0}nav{display:flex;gap:.8rem}.bar nav a{color:inherit}.actor{margin-left:auto;font-size:13px}
.actor select{width:auto}main.board{display:flex;gap:.8rem;align-items:flex-start;overflow-x:auto;padding:.2rem 1rem 1.5rem}
.column{background:var(--column);border-radius:10px;min-width:17rem;width:17rem;padding:.6rem;flex:none}.column.quiet{opacity:.82}
.column h2{font-size:.9rem;margin:.2rem .3rem .6rem;display:flex;justify-content:space-between}.count{font-weight:400;opacity:.7}.count.over{color:#c9372c;opacity:1;font-weight:700}
.cards{display:flex;flex-direction:column;gap:.5rem;max-height:70vh;overflow-y:auto;min-height:2rem;padding:2px}
.card{background:var(--card);border-radius:8px;padding:.55rem .65rem;box-shadow:0 1px 1px #091e4240,0 0 1px #091e4250;cursor:grab;border-left:5px solid var(--stripe,transparent)}
.card>a{color:inherit;text-decoration:none;display:block}.card>a:hover{text-decoration:underline}.number{font-size:11px;opacity:.7;display:block}
.labels{display:flex;gap:.25rem;flex-wrap:wrap}.label{font-size:11px;border-radius:4px;padding:0 .45em;color:#1d2125}.warning{color:#ae2e24;font-size:12px;font-weight:600;display:block}
.foot{display:flex;gap:.35rem;align-items:center;margin-top:.35rem;flex-wrap:wrap}.badge{font-size:11px;background:#091e420f;border-radius:4px;padding:0 .4em}
.face{margin-left:auto;background:#0c66e4;color:#fff;border-radius:50%;width:1.6rem;height:1.6rem;font-size:10px;display:grid;place-items:center}.face+.face{margin-left:0}
.add{display:flex;gap:.4rem;margin-top:.6rem}.add input{flex:1}.drop{outline:2px dashed var(--accent)}
main.sheet{max-width:46rem;margin:1rem auto;padding:0 1rem}.box{background:#fff;color:#172b4d;border-radius:8px;padding:1rem 1.2rem;margin:0 0 1rem;box-shadow:0 1px 3px #091e4233}
label{display:block;margin:.7rem 0 .2rem;font-weight:600}.tick{font-weight:400;margin:.15rem 0;display:flex;gap:.4rem}fieldset{border:1px solid #dfe1e6;border-radius:6px;margin:.7rem 0}
input,select,textarea{width:100%;padding:.45rem;border:1px solid #8590a2;border-radius:4px;font:inherit;background:#fff;color:#172b4d}input[type=checkbox]{width:auto}textarea{min-height:6rem}
button{background:var(--accent);color:#fff;border:0;border-radius:4px;padding:.5rem 1rem;font:inherit;cursor:pointer}.plain{background:#e9ebee;color:#172b4d}.danger{background:#ae2e24}
.talk{list-style:none;padding:0;margin:0}.talk li{border-bottom:1px solid #ebecf0;padding:.5rem 0}.talk p{margin:.2rem 0;white-space:pre-wrap}.talk time{color:#626f86;font-size:12px}
.note{background:#fffae6;color:#172b4d;border-left:4px solid #f5cd47;padding:.6rem 1rem}:focus-visible{outline:3px solid #388bff;outline-offset:2px}
"""

_SCRIPT = """<script>
(() => {
  const board = document.getElementById("board");
  let held = null;
  const idle = () => !held && !board.contains(document.activeElement);
  const fresh = async () => {
    const page = await (await fetch(location.href)).text();
    const next = new DOMParser().parseFromString(page, "text/html").getElementById("board");
    if (next && idle() && next.innerHTML !== board.innerHTML) {
      const tops = [...board.querySelectorAll(".cards")].map(one => one.scrollTop);
      board.innerHTML = next.innerHTML;
      board.querySelectorAll(".cards").forEach((one, at) => { one.scrollTop = tops[at] || 0; });
    }
  };
  board.addEventListener("dragstart", event => { held = event.target.closest(".card"); });
  board.addEventListener("dragend", () => { held = null; });
  board.addEventListener("dragover", event => { if (event.target.closest(".column")) event.preventDefault(); });
  board.addEventListener("drop", async event => {
    const column = event.target.closest(".column");
    if (!column || !held) return;
    event.preventDefault();
    const body = new URLSearchParams({to: column.dataset.column, actor: document.getElementById("actor").value});
    const base = location.pathname.replace(/ui\\/.*$/, "ui/");
    const answer = await fetch(`${base}card/${held.dataset.card}/move`, {method: "POST", body, redirect: "manual"});
    held = null;
    if (answer.type !== "opaqueredirect" && !answer.ok) alert(await answer.text());
    fresh();
  });
  board.addEventListener("submit", event => {
    const actor = document.createElement("input");
    Object.assign(actor, {type: "hidden", name: "actor", value: document.getElementById("actor").value});
    event.target.append(actor);
  });
  setInterval(() => { if (!document.hidden && idle()) fresh(); }, 2500);
})();
</script>"""
