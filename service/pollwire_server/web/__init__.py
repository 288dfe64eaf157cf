"""The user interface: pages, the widget, and static files."""
