"""Asana's rich text: strict XML there, general HTML here."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from connectors.asana.text import from_asana, to_asana

PAIRS = {
    "<p>One</p><p>Two</p>": "<body>One\n\nTwo</body>",
    "<p>One<br>Two</p>": "<body>One\nTwo</body>",
    "<p><strong>a</strong> <em>b</em> <s>c</s> <code>d</code></p>": (
        "<body><strong>a</strong> <em>b</em> <s>c</s> <code>d</code></body>"
    ),
    "<p>List:</p><ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>": (
        "<body>List:<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul></body>"
    ),
    "<blockquote><p>q</p><p>r</p></blockquote>": "<body><blockquote>q\n\nr</blockquote></body>",
    "<pre>a &lt; b\n\n  c</pre>": "<body><pre>a &lt; b\n\n  c</pre></body>",
    '<p><a href="https://example.org?a=1&amp;b=2">l</a></p>': (
        '<body><a href="https://example.org?a=1&amp;b=2">l</a></body>'
    ),
    "<h1>T</h1><p>x</p><hr>": "<body><h1>T</h1>x<hr/></body>",
}


@pytest.mark.parametrize(("html", "asana"), PAIRS.items())
def test_both_ways(html: str, asana: str) -> None:
    assert to_asana(html) == asana
    assert from_asana(asana) == html


@pytest.mark.parametrize(
    ("html", "asana"),
    [
        ("<h3>Deep</h3><p>x</p>", "<body><h2>Deep</h2>x</body>"),
        ("<p><b>a</b><del>c</del></p>", "<body><strong>a</strong><s>c</s></body>"),
        (
            '<p><img src="https://example.org/i.png" alt="Plan"></p>',
            '<body><a href="https://example.org/i.png">Plan</a></body>',
        ),
        ('<p><a href="javascript:alert(1)">x</a></p>', "<body>x</body>"),
        ("<script>a < b</script>", "<body>a &lt; b</body>"),
        ("<p>not closed <strong>here", "<body>not closed <strong>here</strong></body>"),
        ('<pre><code class="language-py">x = 1\n</code></pre>', "<body><pre>x = 1</pre></body>"),
        (
            "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n</table>",
            "<body><table><tr><td>a</td></tr></table></body>",
        ),
        ("", "<body></body>"),
        (None, "<body></body>"),
    ],
)
def test_what_asana_does_not_know_becomes_the_nearest_it_does(html: str | None, asana: str) -> None:
    assert to_asana(html) == asana
    ElementTree.fromstring(asana)


def test_an_empty_body_is_empty() -> None:
    assert from_asana("<body></body>") == from_asana(None) == from_asana("<body>\n</body>") == ""


def test_people_and_pictures_in_asanas_texts_stay_readable() -> None:
    body = '<body><a href="https://app.asana.com/0/1/list" data-asana-gid="1">@Noor</a> <img data-asana-gid="2" src="https://x.example/i.png"/></body>'
    assert from_asana(body) == (
        '<p><a href="https://app.asana.com/0/1/list">@Noor</a> <img src="https://x.example/i.png" alt=""></p>'
    )
