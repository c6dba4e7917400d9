"""A client for Longshore: enqueue jobs, wait for them, verify webhooks and run tasks."""

from standardwebhooks import WebhookVerificationError

from .client import Longshore, NewJob
from .problem import LongshoreError
from .tasks import Deferred, Snooze, Task, asgi_task_handler, wsgi_task_handler
from .webhooks import verify

__all__ = [
    "Deferred",
    "Longshore",
    "LongshoreError",
    "NewJob",
    "Snooze",
    "Task",
    "WebhookVerificationError",
    "asgi_task_handler",
    "verify",
    "wsgi_task_handler",
]
