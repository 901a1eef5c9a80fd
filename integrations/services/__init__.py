"""One function per mutation of the control plane; views, tasks and the admin only call these."""
