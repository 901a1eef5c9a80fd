"""The stand-in's web page: issues in two tabs, one issue with its comments, to be edited as anybody."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from sandbox.store import Document
from sandbox.web import Refusal

from . import github_seed as seed

if TYPE_CHECKING:
    from .github import GitHub

PER_PAGE = 25
_STYLE = """
*{box-sizing:border-box}body{margin:0;font:14px/1.5 system-ui,sans-serif;color:#1f2328;background:#fff}
header{background:#f6f8fa;border-bottom:1px solid #d1d9e0;padding:.8rem 1.5rem;display:flex;gap:1rem;align-items:center;flex-wrap:wrap}
header form{margin-left:auto;display:flex;gap:.5rem;align-items:center}header small{color:#59636e}
main{max-width:76rem;margin:1.2rem auto;padding:0 1rem}a{color:#0969da;text-decoration:none}a:hover{text-decoration:underline}
.box{border:1px solid #d1d9e0;border-radius:6px}.tabs{background:#f6f8fa;border-bottom:1px solid #d1d9e0;padding:.8rem 1rem;display:flex;gap:1rem}
.tabs a{color:#59636e}.tabs a[aria-current]{color:#1f2328;font-weight:600}ul.rows{list-style:none;margin:0;padding:0}
ul.rows li{padding:.6rem 1rem;border-top:1px solid #d1d9e0}ul.rows li:first-child{border:0}ul.rows strong a{color:#1f2328;font-size:16px}
.muted{color:#59636e;font-size:12px}.label{border:1px solid #0003;border-radius:2em;padding:0 .6em;font-size:12px;font-weight:600;margin-left:.3em}
.state{color:#fff;border-radius:2em;padding:.3rem .8rem;font-weight:600}.open{background:#1a7f37}.closed{background:#8250df}
.split{display:grid;grid-template-columns:1fr 17rem;gap:1.5rem}@media(max-width:50rem){.split{grid-template-columns:1fr}}
.comment{border:1px solid #d1d9e0;border-radius:6px;margin:0 0 1rem}.comment>div{background:#f6f8fa;padding:.5rem 1rem;border-bottom:1px solid #d1d9e0;display:flex;gap:.6rem}
.comment form{padding:.8rem 1rem}input,textarea,select{width:100%;font:inherit;padding:.4rem .6rem;border:1px solid #8c959f;border-radius:6px}
header select{width:auto}textarea{min-height:7rem}fieldset{border:0;border-bottom:1px solid #d1d9e0;margin:0 0 .8rem;padding:0 0 .8rem}
legend,label.title{font-weight:600;font-size:12px;color:#59636e;padding:0}fieldset label{display:flex;gap:.4rem;font-size:13px}fieldset input{width:auto}
button,.button{background:#1f883d;color:#fff;border:1px solid #0002;border-radius:6px;padding:.35rem .9rem;font:inherit;font-weight:600;cursor:pointer;display:inline-block}
button.plain{background:#f6f8fa;color:#25292e;border-color:#d1d9e0}button.danger{background:#f6f8fa;color:#cf222e;border-color:#d1d9e0}
.bar{display:flex;gap:.6rem;margin:.6rem 0;align-items:center;flex-wrap:wrap}.note{background:#fff8c5;border:1px solid #d4a72c66;padding:.6rem 1rem;border-radius:6px}
:focus-visible{outline:2px solid #0969da;outline-offset:1px}
"""


def serve(vendor: GitHub, request: Request, path: str) -> Response:
    """``""`` and ``acme/webshop/issues`` the list; ``…/issues/new``; ``…/issues/7`` one issue."""
    parts = path.split("/")
    tail = parts[2:] if len(parts) > 2 else []
    with vendor.world.lock:
        if request.method == "POST":
            return _post(vendor, request, tail)
        if len(tail) == 2 and tail[0] in ("issues", "pull"):
            if tail[1] == "new":
                return _page(vendor, request, "New issue", _new())
            issue = vendor.world.get("issue", tail[1])
            if issue is None:
                return _page(
                    vendor,
                    request,
                    "Not found",
                    "<h1>This issue does not exist here any more.</h1>",
                    status=404,
                )
            return _page(vendor, request, f"{issue['title']} · #{issue['number']}", _issue(vendor, issue))
        return _page(vendor, request, "Issues", _list(vendor, request))


# --- pages -----------------------------------------------------------------------------------------------------------


def _page(vendor: GitHub, request: Request, title: str, body: str, *, status: int = 200) -> Response:
    who = _who(vendor, request)
    people = "".join(
        f'<option value="{id}"{" selected" if id == who else ""}>{escape(name)} ({escape(login)})</option>'
        for id, login, name in seed.PEOPLE
    )
    home = f"/github/ui/{vendor.full_name}/issues"
    switch = (
        '<form method="post"><input type="hidden" name="_action" value="become">'
        f'<label for="who">Acting as</label><select id="who" name="who">{people}</select><button class="plain">Switch</button></form>'
    )
    head = f'<strong><a href="{escape(home)}">{escape(vendor.full_name)}</a></strong><small>GitHub stand-in · <a href="/">all</a></small>{switch}'
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)} · {escape(vendor.full_name)}</title><style>{_STYLE}</style></head>"
        f"<body><header>{head}</header><main>{body}</main></body></html>"
    )
    return Response(page, status=status, content_type="text/html; charset=utf-8")


def _list(vendor: GitHub, request: Request) -> str:
    state = "closed" if request.args.get("state") == "closed" else "open"
    issues = [one for one in vendor.world.all("issue") if not one["is_pull"]]
    counts = {word: sum(one["state"] == word for one in issues) for word in ("open", "closed")}
    rows = sorted((one for one in issues if one["state"] == state), key=lambda one: -one["number"])
    page = max(1, request.args.get("page", 1, type=int))
    home = f"/github/ui/{vendor.full_name}/issues"
    tabs = "".join(
        f'<a href="{escape(home)}?state={word}"{" aria-current=page" if word == state else ""}>{count} {word.title()}</a>'
        for word, count in counts.items()
    )
    shown = "".join(_row(vendor, one, home) for one in rows[(page - 1) * PER_PAGE : page * PER_PAGE])
    links = "".join(
        f'<a href="{escape(home)}?state={state}&amp;page={at}"{" aria-current=page" if at == page else ""}>{at}</a>'
        for at in range(1, -(-len(rows) // PER_PAGE) + 1)
    )
    return (
        f'<div class="bar"><h1>Issues</h1><a class="button" style="margin-left:auto" href="{escape(home)}/new">New issue</a></div>'
        f'<div class="box"><nav class="tabs" aria-label="State">{tabs}</nav><ul class="rows">{shown}</ul></div>'
        f'<nav class="bar" aria-label="Pages">{links}</nav>'
    )


def _row(vendor: GitHub, issue: Mapping[str, Any], home: str) -> str:
    labels = "".join(_label(vendor, id) for id in issue["labels"])
    login = (vendor.world.get("user", issue["user"]) or {}).get("login", "ghost")
    what = f"#{issue['number']} by {login} · updated {issue['updated_at'][:10]}{_status(vendor, issue)}"
    return (
        f'<li><strong><a href="{escape(home)}/{issue["number"]}">{escape(issue["title"])}</a></strong>{labels}'
        f'<div class="muted">{escape(what)}</div></li>'
    )


def _status(vendor: GitHub, issue: Mapping[str, Any]) -> str:
    item, field = vendor.item_of(issue["number"]), vendor.fields_of().get("status")
    if item is None or field is None:
        return ""
    name = next(
        (one["name"] for one in field["options"] if one["id"] == item["values"].get(field["id"])), "no status"
    )
    return f" · {name}{' (archived)' if item['archived'] else ''}"


def _label(vendor: GitHub, id: int) -> str:
    label = vendor.world.get("label", id)
    if label is None:
        return ""
    red, green, blue = (int(label["color"][at : at + 2], 16) for at in (0, 2, 4))
    ink = "#1f2328" if red * 299 + green * 587 + blue * 114 > 140_000 else "#fff"
    return (
        f'<span class="label" style="background:#{label["color"]};color:{ink}">{escape(label["name"])}</span>'
    )


def _issue(vendor: GitHub, issue: Document) -> str:
    word = issue["state"]
    login = (vendor.world.get("user", issue["user"]) or {}).get("login", "ghost")
    comments = "".join(
        _comment(vendor, one) for one in vendor.world.all("comment") if one["issue"] == issue["number"]
    )
    reason = (
        f" as {issue['state_reason'].replace('_', ' ')}" if word == "closed" and issue["state_reason"] else ""
    )
    body = escape((issue["body"] or "").replace("\r\n", "\n"))
    text = (
        f'<form method="post" class="comment"><div><strong>{escape(login)}</strong><span class="muted">{issue["created_at"]}</span></div>'
        '<div style="display:block;background:none;border:0"><label class="title" for="title">Title</label>'
        f'<input id="title" name="title" value="{escape(issue["title"])}" maxlength="256" required>'
        f'<label class="title" for="body">Description</label><textarea id="body" name="body">\n{body}</textarea>'
        '<div class="bar"><button name="_action" value="text">Save</button></div></div></form>'
    )
    answer = (
        '<form method="post"><label class="title" for="comment">Add a comment</label><textarea id="comment" name="comment"></textarea>'
        f'<div class="bar">{_state_buttons(word)}<button name="_action" value="comment">Comment</button></div></form>'
    )
    return (
        f'<h1>{escape(issue["title"])} <span class="muted" style="font-size:1em">#{issue["number"]}</span></h1>'
        f'<p><span class="state {word}">{word.title()}{escape(reason)}</span></p>'
        f'<div class="split"><div>{text}{comments}{answer}</div>{_side(vendor, issue)}</div>'
    )


def _state_buttons(word: str) -> str:
    if word == "closed":
        return '<button class="plain" name="_action" value="reopen">Reopen issue</button>'
    choices = (
        ("completed", "Close issue"),
        ("not_planned", "Close as not planned"),
        ("duplicate", "Close as duplicate"),
    )
    return "".join(
        f'<button class="plain" name="_action" value="{reason}">{label}</button>' for reason, label in choices
    )


def _comment(vendor: GitHub, comment: Mapping[str, Any]) -> str:
    login = (vendor.world.get("user", comment["user"]) or {}).get("login", "ghost")
    id = comment["id"]
    text = escape(comment["body"].replace("\r\n", "\n"))
    return (
        f'<div class="comment" id="issuecomment-{id}"><div><strong>{escape(login)}</strong><span class="muted">{comment["created_at"]}</span></div>'
        f'<form method="post"><input type="hidden" name="id" value="{id}"><textarea name="comment" aria-label="Comment by {escape(login)}">\n{text}</textarea>'
        '<div class="bar"><button class="plain" name="_action" value="edit_comment">Save</button>'
        '<button class="danger" name="_action" value="delete_comment">Delete</button></div></form></div>'
    )


def _side(vendor: GitHub, issue: Mapping[str, Any]) -> str:
    def boxes(name: str, rows: list[tuple[Any, str]], chosen: list[Any]) -> str:
        return "".join(
            f'<label><input type="checkbox" name="{name}" value="{escape(text)}"{" checked" if id in chosen else ""}>{escape(text)}</label>'
            for id, text in rows
        )

    people = [(one["id"], one["login"]) for one in vendor.assignable()]
    labels = [(one["id"], one["name"]) for one in vendor.world.all("label")]
    milestones = "".join(
        f'<option value="{one["number"]}"{" selected" if one["number"] == issue["milestone"] else ""}>{escape(one["title"])}</option>'
        for one in vendor.world.all("milestone")
    )
    return (
        '<aside><form method="post">'
        f"<fieldset><legend>Assignees</legend>{boxes('assignees', people, issue['assignees'])}</fieldset>"
        f"<fieldset><legend>Labels</legend>{boxes('labels', labels, issue['labels'])}</fieldset>"
        f'<fieldset><legend>Milestone</legend><select name="milestone" aria-label="Milestone"><option value="">None</option>{milestones}</select></fieldset>'
        '<button name="_action" value="side">Save</button></form><hr>'
        f"{_project(vendor, issue)}"
        '<form method="post" class="bar"><button class="plain" name="_action" value="transfer">Transfer to acme/handbook</button>'
        '<button class="danger" name="_action" value="delete">Delete issue</button></form></aside>'
    )


def _project(vendor: GitHub, issue: Mapping[str, Any]) -> str:
    """Where the issue stands in the project; empty where there is no project any more."""
    project = vendor.world.get("project", seed.PROJECT_ID)
    if project is None:
        return ""
    item = vendor.item_of(issue["number"])
    held = item["values"] if item else {}
    rows = []
    for field in project["fields"]:
        if field["dataType"] == "TITLE":
            continue
        name, value = escape(field["name"]), held.get(field["id"])
        if field["dataType"] == "SINGLE_SELECT":
            options = "".join(
                f"<option{' selected' if one['id'] == value else ''}>{escape(one['name'])}</option>"
                for one in field["options"]
            )
            rows.append(
                f'<label class="title">{name}<select name="{name}"><option value=""></option>{options}</select></label>'
            )
        else:
            kind = "date" if field["dataType"] == "DATE" else "number"
            rows.append(
                f'<label class="title">{name}<input type="{kind}" step="any" name="{name}" value="{escape(str(value or ""))}"></label>'
            )
    where = "not in the project" if item is None else "archived" if item["archived"] else "in the project"
    others = ""
    if item is not None:
        word, label = ("restore", "Restore") if item["archived"] else ("put_away", "Archive item")
        others = (
            f'<button class="plain" name="_action" value="{word}">{label}</button>'
            '<button class="danger" name="_action" value="take_out">Remove from project</button>'
        )
    save = (
        "" if item and item["archived"] else '<button name="_action" value="project">Save in project</button>'
    )
    return (
        f'<form method="post"><fieldset><legend>{escape(project["title"])} · <span>{where}</span></legend>{"".join(rows)}</fieldset>'
        f'<div class="bar">{save}{others}</div></form><hr>'
    )


def _new() -> str:
    return (
        '<h1>New issue</h1><form method="post"><label class="title" for="title">Title</label><input id="title" name="title" maxlength="256" required>'
        '<label class="title" for="body">Description</label><textarea id="body" name="body"></textarea>'
        '<div class="bar"><button name="_action" value="new">Create</button></div></form>'
    )


# --- actions ---------------------------------------------------------------------------------------------------------


def _who(vendor: GitHub, request: Request) -> int:
    asked = request.cookies.get("github_sandbox_who", "")
    known = {str(id): id for id, _, _ in seed.PEOPLE}
    return known.get(asked, seed.PEOPLE[0][0])


def _post(vendor: GitHub, request: Request, tail: list[str]) -> Response:
    origin = request.headers.get("Origin")
    if origin is not None and origin != request.host_url.rstrip("/"):
        return Response("Refused.\n", status=403, content_type="text/plain")
    action, home = request.form.get("_action", ""), f"/github/ui/{vendor.full_name}/issues"
    if action == "become":
        answer = redirect(request.path)
        answer.set_cookie("github_sandbox_who", request.form.get("who", ""), httponly=True, samesite="Strict")
        return answer
    number = int(tail[1]) if len(tail) == 2 and tail[1].isdigit() else None
    if number is not None and vendor.world.get("issue", number) is None:
        return redirect(home)
    try:
        target = _act(vendor, request, action, number, _who(vendor, request))
    except Refusal as refusal:
        note = f'<p class="note" role="alert">{escape(refusal.message)}: {escape(refusal.field)}</p>'
        issue = vendor.world.get("issue", number) if number else None
        return _page(
            vendor, request, "Refused", note + (_issue(vendor, issue) if issue else _new()), status=422
        )
    return redirect(home if target is None else f"{home}/{target}")


def _act(vendor: GitHub, request: Request, action: str, number: int | None, who: int) -> int | None:
    """Carries the button's action out; answers the issue to show next. Texts keep the form's CRLF, as GitHub's do."""
    form = request.form
    if number is None:
        made: dict[str, Any] = {"title": form.get("title", ""), "body": form.get("body") or None}
        return int(vendor.make_issue(made, who)["number"])
    match action:
        case "text":
            vendor.change_issue(number, _text_values(vendor, form, number), who)
        case "side":
            values: dict[str, Any] = {
                "labels": form.getlist("labels"),
                "assignees": form.getlist("assignees"),
                "milestone": form.get("milestone"),
            }
            vendor.change_issue(number, values, who)
        case "completed" | "not_planned" | "duplicate":
            vendor.change_issue(number, {"state": "closed", "state_reason": action}, who)
        case "reopen":
            vendor.change_issue(number, {"state": "open"}, who)
        case "edit_comment":
            vendor.change_comment(int(form["id"]), form.get("comment"), who)
        case "delete_comment":
            vendor.delete_comment(int(form["id"]), who)
        case "project" | "put_away" | "restore" | "take_out":
            _act_on_item(vendor, form, action, number, who)
        case "transfer":
            vendor.transfer_issue(number, who)
            return None
        case "delete":
            vendor.delete_issue(number, who)
            return None
    if (
        action in ("comment", "completed", "not_planned", "duplicate", "reopen")
        and (form.get("comment") or "").strip()
    ):
        vendor.make_comment(number, form["comment"], who)
    return number


def _act_on_item(vendor: GitHub, form: Mapping[str, str], action: str, number: int, who: int) -> None:
    item = vendor.item_of(number)
    if action == "project":
        values: dict[str, Any] = {}
        for name, field in ((one["name"], one) for one in vendor.fields_of().values()):
            if name in form:
                given = form[name].strip()
                values[name] = float(given) if field["dataType"] == "NUMBER" and given else given
        vendor.set_by_name(vendor.add_item(number, who), values, who)
    elif item is not None and action == "take_out":
        vendor.remove_item(item, who)
    elif item is not None:
        vendor.archive_item(item, who, archived=action == "put_away")


def _text_values(vendor: GitHub, form: Mapping[str, str], number: int) -> dict[str, Any]:
    """Only what the person touched: a saved form with the same words changes nothing."""
    issue = vendor.world.get("issue", number) or {}
    values: dict[str, Any] = {"title": form.get("title", "")}
    if form.get("body", "").replace("\r\n", "\n") != (issue["body"] or "").replace("\r\n", "\n"):
        values["body"] = form.get("body")
    return values
