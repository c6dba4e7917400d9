"""Verification of webhook signatures."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

Secrets = str | Sequence[str]


def verify(secrets: Secrets, headers: Mapping[str, str], body: bytes | str) -> Any:
    """Checks the signature of a webhook and returns its body: parsed if it is JSON, as text otherwise.

    `secrets` is a signing secret, `whsec_...`, or several, one of which must match: for 24 hours after a rotation
    each of the two secrets verifies. `body` must be the received bytes without changes. Raises a
    `WebhookVerificationError` if no secret matches, or if the signature is older than 5 minutes.
    """
    failure = WebhookVerificationError("No secret was given")
    for webhook in map(Webhook, [secrets] if isinstance(secrets, str) else secrets):
        try:
            webhook.verify(body, dict(headers), json_parse=False)
        except WebhookVerificationError as error:
            failure = error
        except ValueError as error:  # Malformed header or body.
            failure = WebhookVerificationError(str(error))
        else:
            return _parsed(body)
    raise failure


def _parsed(body: bytes | str) -> Any:
    """Returns the value of a JSON body, and any other body as text."""
    try:
        return json.loads(body)
    except ValueError:
        return body if isinstance(body, str) else body.decode()
