"""Connections to Valkey or Redis: one server, Sentinels or a cluster."""
