"""Error for scripts that import the client by its old name. Not part of any wheel; removed after one release."""

raise ImportError("service.client was renamed: use `from pollwire import Client`")
