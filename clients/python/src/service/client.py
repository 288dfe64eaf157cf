"""Error for scripts that import the client by its old name. No wheel contains it. Remove after one release."""

raise ImportError("service.client was renamed: use `from pollwire import Client`")
