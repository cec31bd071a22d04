"""What every /v1 endpoint shares: envelope, errors, JSON, request ids. Knows HTTP and no app."""
