"""Outbound HTTP: requests of the service to hosts that operators name (webhooks, key sets of issuers)."""
