"""Text that a carrier sends, made fit to be kept and shown."""

LONGEST = 500


def carriers_words(text: str | None, *, otherwise: str) -> str:
    """At most 500 characters on one line, without control characters; `otherwise` if nothing is left."""
    printable = "".join(character if character.isprintable() else " " for character in text or "")
    return " ".join(printable.split())[:LONGEST] or otherwise


def carriers_code(text: str | None) -> str | None:
    """At most 40 characters; None if there is none."""
    return carriers_words(text, otherwise="")[:40] or None
