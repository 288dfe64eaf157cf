"""Webhooks: delivery of poll events to HTTP endpoints, by the Standard Webhooks specification.

::

    outbox (a poll's slot) -- relay --> queue (a webhook's slot) -- delivery worker --> endpoint

``outbox_relay`` moves events from the outboxes of polls to the queues of webhooks, in one worker at a time.
``delivery_worker`` delivers the queued events, in every worker. A claim ensures that one worker at a time
delivers an event. ``http_sender`` sends one request. ``url_guard`` rejects forbidden addresses.

Each step may be repeated, and none can be lost. So an event is delivered at least once, always with the same
``webhook-id``.
"""
