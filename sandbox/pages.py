"""The pages on which a person edits a stand-in's records by hand, in the colours of the product."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from connectors.base.paths import read_path

from .vendor import Sheet, SheetField, Vendor
from .web import Refusal

if TYPE_CHECKING:
    from .app import Sandbox

_STYLE = """
*{box-sizing:border-box}body{margin:0;font:15px/1.5 system-ui,sans-serif;color:#172b4d;background:#f4f5f7}
header{background:var(--brand);color:#fff;padding:.8rem 1.5rem;display:flex;gap:1.5rem;align-items:center;flex-wrap:wrap}
header strong{font-size:1.15rem}header a{color:#fff;text-decoration:none;opacity:.9}header a[aria-current]{border-bottom:2px solid #fff}
header small{margin-left:auto;opacity:.85}main{max-width:70rem;margin:1.5rem auto;padding:0 1rem}
table{width:100%;border-collapse:collapse;background:#fff;border-radius:6px;overflow:hidden;box-shadow:0 1px 3px #091e4233}
th,td{text-align:left;padding:.55rem .8rem;border-bottom:1px solid #ebecf0;vertical-align:top}th{font-size:.78rem;color:#5e6c84}
a{color:var(--brand)}form.card{background:#fff;padding:1.2rem;border-radius:6px;box-shadow:0 1px 3px #091e4233;max-width:42rem}
label{display:block;margin:.8rem 0 .2rem;font-weight:600}input,select,textarea{width:100%;padding:.5rem;border:1px solid #8590a2;border-radius:4px;font:inherit}
input[type=checkbox]{width:auto}textarea{min-height:7rem}button,.button{background:var(--brand);color:#fff;border:0;border-radius:4px;padding:.55rem 1.1rem;font:inherit;cursor:pointer;text-decoration:none;display:inline-block}
button.danger{background:#ae2e24}.note{background:#fffae6;border-left:4px solid #f5cd47;padding:.6rem 1rem;margin-bottom:1rem}
.bar{display:flex;gap:.8rem;margin:1rem 0;align-items:center}.tile{display:block;background:#fff;border-left:6px solid var(--brand);padding:1rem;margin:.7rem 0;border-radius:6px;text-decoration:none;color:inherit}
:focus-visible{outline:3px solid #388bff;outline-offset:2px}
"""


def layout(title: str, body: str, *, brand: str = "#334155", header: str = "") -> Response:
    """A whole page. ``title`` is escaped; ``body`` and ``header`` are HTML already."""
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>:root{{--brand:{escape(brand)}}}{_STYLE}</style></head>"
        f"<body><header>{header}</header><main>{body}</main></body></html>"
    )
    return Response(page, content_type="text/html; charset=utf-8")


def index(request: Request, sandbox: Sandbox) -> Response:
    tiles = "".join(
        f'<a class="tile" style="--brand:{escape(vendor.colour)}" href="/{escape(slug)}/ui/">'
        f"<strong>{escape(vendor.name)}</strong><br><span>{escape(vendor.tagline)}</span></a>"
        for slug, vendor in sandbox.vendors.items()
    )
    intro = "<h1>Sandbox</h1><p>Stand-ins that speak each system's own API. Change something here and watch it arrive in Lockstep.</p>"
    return layout("Sandbox", intro + tiles, header="<strong>Lockstep sandbox</strong>")


def serve(request: Request, vendor: Vendor, path: str) -> Response:
    """``/ui/``, ``/ui/<kind>``, ``/ui/<kind>/new`` and ``/ui/<kind>/<id>``."""
    sheets = {sheet.kind: sheet for sheet in vendor.sheets()}
    if not sheets:
        return _page(vendor, sheets, "", vendor.name, "<p>Nothing to edit here.</p>")
    kind, _, id = path.partition("/")
    if not kind:
        return redirect(f"/{vendor.slug}/ui/{next(iter(sheets))}")
    if kind not in sheets:
        return Response("No such page.\n", status=404, content_type="text/plain")
    sheet = sheets[kind]
    if not id:
        return _page(vendor, sheets, kind, sheet.label, _table(vendor, sheet))
    document = None if id == "new" else vendor.world.get(kind, id)
    if id != "new" and document is None:
        return Response("No such record.\n", status=404, content_type="text/plain")
    note = ""
    if request.method == "POST":
        if not _is_same_site(request):
            return Response("Refused.\n", status=403, content_type="text/plain")
        try:
            with vendor.world.lock:
                if request.form.get("_action") == "delete" and document is not None:
                    vendor.remove(kind, id)
                else:
                    vendor.edit(kind, None if document is None else id, _values(sheet, request))
            return redirect(f"/{vendor.slug}/ui/{kind}")
        except Refusal as refusal:
            note = f'<p class="note" role="alert">{escape(refusal.message)}</p>'
    return _page(vendor, sheets, kind, sheet.label, note + _form(sheet, document))


def _is_same_site(request: Request) -> bool:
    origin = request.headers.get("Origin")
    return origin is None or origin == request.host_url.rstrip("/")


def _page(vendor: Vendor, sheets: Mapping[str, Sheet], kind: str, title: str, body: str) -> Response:
    links = "".join(
        f'<a href="/{escape(vendor.slug)}/ui/{escape(name)}"{" aria-current=page" if name == kind else ""}>{escape(sheet.label)}</a>'
        for name, sheet in sheets.items()
    )
    header = f'<strong>{escape(vendor.name)}</strong><nav class="bar" aria-label="Kinds">{links}</nav><small>stand-in · <a href="/">all</a></small>'
    return layout(f"{title} · {vendor.name}", body, brand=vendor.colour, header=header)


def _table(vendor: Vendor, sheet: Sheet) -> str:
    head = "".join(f"<th>{escape(one.label)}</th>" for one in sheet.fields)
    rows = []
    with vendor.world.lock:
        for id in vendor.world.ids(sheet.kind):
            document = vendor.world.get(sheet.kind, id) or {}
            cells = []
            for one in sheet.fields:
                text = escape(_shown(document, one)[:160]) or "–"
                link = f'<a href="/{escape(vendor.slug)}/ui/{escape(sheet.kind)}/{escape(id)}">{text}</a>'
                cells.append(f"<td>{link if one.name == sheet.title else text}</td>")
            rows.append(f"<tr>{''.join(cells)}</tr>")
    new = f'<div class="bar"><a class="button" href="/{escape(vendor.slug)}/ui/{escape(sheet.kind)}/new">New</a></div>'
    return f"<h1>{escape(sheet.label)}</h1>{new}<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows[-500:])}</tbody></table>"


def _shown(document: Mapping[str, Any], one: SheetField) -> str:
    value = read_path(document, one.name, None)
    if isinstance(value, list):
        return ", ".join(str(read_path(item, "name", item)) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return one.choices.get(str(value), "" if value is None else str(value))


def _form(sheet: Sheet, document: Mapping[str, Any] | None) -> str:
    inputs = "".join(_input(one, document or {}) for one in sheet.fields)
    delete = (
        '<button class="danger" name="_action" value="delete">Delete</button>' if document is not None else ""
    )
    return f'<h1>{escape(sheet.label)}</h1><form class="card" method="post">{inputs}<div class="bar"><button name="_action" value="save">Save</button>{delete}</div></form>'


def _input(one: SheetField, document: Mapping[str, Any]) -> str:
    value = read_path(document, one.name, None)
    text = _shown(document, one) if one.input in ("tags", "show") else "" if value is None else str(value)
    name = escape(one.name)
    label = f'<label for="f-{name}">{escape(one.label)}</label>'
    match one.input:
        case "show":
            return f"{label}<div>{escape(text) or '–'}</div>"
        case "area":
            return f'{label}<textarea id="f-{name}" name="{name}">{escape(text)}</textarea>'
        case "check":
            return f'{label}<input type="checkbox" id="f-{name}" name="{name}" value="1"{" checked" if value else ""}>'
        case "choice":
            options = "".join(
                f'<option value="{escape(key)}"{" selected" if key == text else ""}>{escape(shown)}</option>'
                for key, shown in one.choices.items()
            )
            return f'{label}<select id="f-{name}" name="{name}">{options}</select>'
        case "number" | "date" as kind:
            return f'{label}<input type="{kind}" id="f-{name}" name="{name}" value="{escape(text)}">'
        case _:
            return f'{label}<input id="f-{name}" name="{name}" value="{escape(text)}">'


def _values(sheet: Sheet, request: Request) -> dict[str, Any]:
    """Form values by field name: tags become a list, checks booleans, numbers numbers, empty dates None."""
    values: dict[str, Any] = {}
    for one in sheet.fields:
        text = request.form.get(one.name, "").replace("\r\n", "\n").strip()
        match one.input:
            case "show":
                continue
            case "tags":
                values[one.name] = [part.strip() for part in text.split(",") if part.strip()]
            case "check":
                values[one.name] = one.name in request.form
            case "number":
                values[one.name] = (
                    float(text) if "." in text else int(text) if text.lstrip("-").isdigit() else None
                )
            case "date":
                values[one.name] = text or None
            case _:
                values[one.name] = text
    return values
