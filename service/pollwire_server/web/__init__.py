"""What people see: the pages, the widget, and the files they are made of."""
