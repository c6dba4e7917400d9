"""The check of a webhook's signature."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

Secrets = str | Sequence[str]


def verify(secrets: Secrets, headers: Mapping[str, str], body: bytes | str) -> Any:
    """Checks the signature of a webhook and returns its body, parsed as JSON.

    `secrets` is a signing secret, `whsec_...`, or several of which one must have signed: after a rotation any one of
    the two verifies for a day. `body` must be what arrived, byte for byte. Raises a `WebhookVerificationError` if no
    secret has signed it, or longer than 5 minutes ago.
    """
    failure = WebhookVerificationError("No secret was given")
    for webhook in map(Webhook, [secrets] if isinstance(secrets, str) else secrets):
        try:
            webhook.verify(body, dict(headers), json_parse=False)
        except WebhookVerificationError as error:
            failure = error
        except ValueError as error:  # A header or a body that cannot be read.
            failure = WebhookVerificationError(str(error))
        else:
            return json.loads(body)
    raise failure
