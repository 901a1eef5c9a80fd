"""Is what the vendor stored our value in its own clothes, or something else? Pure."""

from __future__ import annotations

import re

from reconcile.model import JSON

_MARKUP = re.compile(r"[\s\\*_`#>\-\[\]()!|~]+")


def is_explained(sent: JSON, stored: JSON) -> bool:
    """True if ``stored`` is a known kind of normalisation of ``sent`` (both canonical).

    Known: white space, markup and escapes, letter case, truncation, the order of a set. Anything else is
    somebody else's edit and must flow as one (ENGINE.md 2.8, step 5).
    """
    if sent == stored:
        return True
    if isinstance(sent, str) and isinstance(stored, str):
        ours, theirs = (_MARKUP.sub("", text).casefold() for text in (sent, stored))
        return ours == theirs or (len(theirs) >= 16 and ours.startswith(theirs.rstrip("….")))
    if isinstance(sent, list) and isinstance(stored, list):
        return sorted(str(v).casefold() for v in sent) == sorted(str(v).casefold() for v in stored)
    return sent in (None, "", []) and stored in (None, "", [])
