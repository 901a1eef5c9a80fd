"""Shapes of requests and answers. Meaning is checked by the services, so a rule stands in one place."""
