"""What goes wrong in a way that one sentence explains."""


class DevServerError(Exception):
    """The message says what is wrong and what to do."""
