"""Error for scripts that import the client by its old name. It is in no wheel. Remove after one release."""

raise ImportError("service.client was renamed: use `from pollwire import Client`")
