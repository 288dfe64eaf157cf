"""Stores of several servers: a cluster, and a master with a replica behind Sentinels."""
