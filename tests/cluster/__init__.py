"""Several servers that are one store: a cluster, and a master with its replica behind Sentinels."""
