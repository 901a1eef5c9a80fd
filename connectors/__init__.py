"""One package per external API on a small shared base. Plain Python: no Django, no database.

A connector is discovered by its folder: ``connectors/<slug>/connector.py`` exposes ``CONNECTOR``.
"""
