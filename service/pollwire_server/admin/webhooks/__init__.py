"""Webhooks: sites that are told what happens to polls, by the Standard Webhooks convention.

::

    outbox (a poll's slot) -- relay --> strands (a webhook's slot) -- deliverer --> site

``relay`` hands events from the polls on to the webhooks that want them, in one
worker at a time; ``deliverer`` tells them to the sites, in every worker, each
event claimed by one; ``sending`` is one request to one site, ``addresses`` says
where none may go. Both ends of each arrow may be done twice and neither can be
lost: an event is told at least once, always with the same ``webhook-id``.
"""
