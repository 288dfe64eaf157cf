"""Questions of newcomers: the words that they search for, and the page with a heading that has the words."""

from __future__ import annotations

from typing import Final

SEARCH_TERMS: Final[dict[str, tuple[str, ...]]] = {
    # page: terms that occur in a heading of the page, in any case
    "docs/quickstart.md": ("quick start", "create a poll", "vote", "watch the results"),
    "docs/cli.md": ("command line", "exit codes", "export", "poll files"),
    "docs/privacy.md": (
        *("privacy", "gdpr", "personal data", "ip addresses", "cookies", "third parties", "data retention"),
        *("data subject rights", "encryption", "ballot secrecy", "browser storage", "logs"),
    ),
    "docs/widget.md": (
        *("accessibility", "wcag", "browsers", "content-security-policy", "csp", "dark mode", "themes"),
        *("translations", "languages", "client module"),
    ),
    "docs/console.md": ("console", "signing in"),
    "docs/guarantees.md": ("guarantees", "durability", "replicas"),
    "docs/glossary.md": ("glossary",),
    "docs/performance.md": ("performance", "memory", "reproduce", "latency"),
    "docs/architecture.md": (
        *("architecture", "packages", "data model", "redis keys", "lua function", "data migration"),
        *("jwt verification", "authentication", "rate limits", "scoring", "leaderboards", "fast path"),
        *("failure handling", "webhook delivery", "vote request", "consistency"),
    ),
    "docs/api/index.md": (
        *("authentication", "pagination", "idempotency", "retries", "rate limits", "limits", "openapi"),
        *("asyncapi", "versions", "compatibility", "time zones", "health checks", "liveness", "readiness"),
    ),
    "docs/api/polls.md": (
        *("kinds of polls", "poll fields", "schedule", "voting window", "one vote per person", "identity"),
        *("result visibility", "hide results", "changing votes"),
    ),
    "docs/api/voting.md": (
        *(
            "voter token",
            "captcha",
            "proof-of-work",
            "cast a vote",
            "retrying",
            "capacity",
            "idempotency-key",
        ),
        *("receipt", "withdraw", "erase", "jwt", "single sign-on", "sso"),
    ),
    "docs/api/predictions.md": (
        *("forecasts", "resolution", "score formulas", "brier", "leaderboard", "ranking formula"),
    ),
    "docs/api/results.md": (
        *(
            "ranked-choice",
            "instant runoff",
            "tie-breaking",
            "caching",
            "cdn",
            "timeline",
            "order of results",
        ),
    ),
    "docs/api/streams.md": (
        *("websocket", "server-sent events", "sse", "reconnecting", "heartbeats", "backpressure"),
        *("slow clients", "close codes", "tickets", "messages"),
    ),
    "docs/api/embedding.md": (
        *("cors", "embed", "iframe", "oembed", "link previews", "qr codes", "presentation mode", "live page"),
        "wordpress",
    ),
    "docs/api/clients.md": ("python client", "javascript client", "typescript", "react", "vue", "node"),
    "docs/api/admin.md": (
        *(
            "scopes",
            "concurrent edits",
            "if-match",
            "bulk votes",
            "csv",
            "audit log",
            "recount",
            "moderation",
        ),
        *("fraud report", "api keys", "revoke", "issuer", "archive", "reset", "publish"),
    ),
    "docs/api/webhooks.md": ("webhook", "verify signatures", "retries", "enable a webhook", "events"),
    "docs/api/errors.md": ("401", "403", "404", "409", "422", "429", "503", "rate-limited"),
    "docs/operations/deploy.md": (
        *("installation", "systemd", "docker", "containers", "kubernetes", "reverse proxy", "load balancer"),
        *("https", "tls", "nginx", "caddy", "haproxy", "scaling", "capacity planning", "memory", "ulimit"),
        *("open files", "graceful shutdown", "rolling restarts"),
    ),
    "docs/operations/upgrade.md": (
        *("upgrade", "data migration", "downgrade", "metrics", "webhooks", "proxies", "need action"),
    ),
    "docs/operations/settings.md": ("settings", "environment variables", "secrets", "cors", "rate limits"),
    "docs/operations/store.md": (
        *(
            "redis",
            "valkey",
            "sentinel",
            "cluster",
            "failover",
            "replication",
            "persistence",
            "eviction",
            "acl",
        ),
        *("resharding", "high availability", "tls"),
    ),
    "docs/operations/security.md": (
        *("rate limits", "reverse prox", "forwarding header", "client addresses", "key rotation"),
        *("rotate an api key", "admin key", "signing secret", "issuer's key", "webhook secret", "api keys"),
        *("timeouts", "slow clients", "webhook targets", "refused requests", "load tests", "audit log"),
    ),
    "docs/operations/monitoring.md": (
        *("health checks", "logging", "metrics", "prometheus", "alerts", "grafana", "tracing", "monitoring"),
    ),
    "docs/operations/data.md": (
        *("backup", "restore", "recount", "fraudulent", "gdpr", "archiving", "data retention", "data folder"),
        *("append-only file",),
    ),
    "docs/operations/troubleshooting.md": (
        *("store is unavailable", "disk is full", "lost data", "clocks", "ntp", "worker", "overload"),
        *("rate limits", "does not start", "cors error", "websockets fail", "401", "webhook fails"),
        *("reconnects", "recount differs"),
    ),
    "CONTRIBUTING.md": (
        *("setup", "where things are", "testing", "add a setting", "add a problem type", "add an endpoint"),
        *("message language", "store function", "add a metric", "release", "dependencies", "style guide"),
        *("webhook event", "field of a poll", "stored key"),
    ),
    "SECURITY.md": ("security", "threat model", "headers"),
}
