"""Which paths belong to the API."""


def is_api_path(path: str) -> bool:
    """Whether `path` is /v1 or below it, and so answers in the envelope."""
    return path == "/v1" or path.startswith("/v1/")
