"""Webhook events: the outbox and the delivery queues."""
