"""The demo: a furniture maker's tenant that is connected to the sandbox's stand-ins, and a small one beside it."""
