"""The ``pollwire`` command: a command line client for operators and voters.

``context`` selects the service and the credentials. ``output`` prints lists, and
``progress`` shows progress bars. ``polls``, ``poll_data``, ``moderation``,
``bulk_votes``, ``api_keys``, ``service_audit``, ``webhooks`` and ``predictions`` contain the commands.

Exit codes: 0 success; 1 rejected by the service, with the detail of the problem;
2 wrong usage; 3 the service is unreachable or temporarily unavailable.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from pollwire.cli.api_keys import keys as group_of_keys
from pollwire.cli.bulk_votes import votes as group_of_votes
from pollwire.cli.moderation import erase, purge, report
from pollwire.cli.poll_data import audit, export, recount, timeline
from pollwire.cli.polls import main
from pollwire.cli.polls import polls as group_of_polls
from pollwire.cli.predictions import mine, resolve, unresolve
from pollwire.cli.predictions import series as group_of_series
from pollwire.cli.service_audit import audit as group_of_audit
from pollwire.cli.webhooks import webhooks as group_of_webhooks

__all__ = ["main"]

COMMANDS_GROUP = "pollwire.commands"
"""Entry point group through which installed packages add commands; the server adds ``up``."""

main.add_command(group_of_keys)
main.add_command(group_of_audit)
main.add_command(group_of_webhooks)
group_of_polls.add_command(export)
group_of_polls.add_command(audit)
group_of_polls.add_command(recount)
group_of_polls.add_command(purge)
group_of_polls.add_command(erase)
group_of_polls.add_command(report)
group_of_polls.add_command(timeline)
main.add_command(group_of_votes)
main.add_command(group_of_series)
main.add_command(mine)
group_of_polls.add_command(resolve)
group_of_polls.add_command(unresolve)

for entry_point in entry_points(group=COMMANDS_GROUP):
    main.add_command(entry_point.load(), entry_point.name)
