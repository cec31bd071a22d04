"""Which view answers a path below /v1."""

from functools import lru_cache

from django.urls import ResolverMatch, resolve

# What an id is to the routes, whichever it is: so many characters without a slash. No word in a route is that long.
_ID_LENGTH = 36
_ANY_ID = "00000000-0000-0000-0000-000000000000"


def resolve_api(path: str) -> ResolverMatch:
    """What Django's `resolve` answers, worked out once for all ids of a path. Raises Resolver404."""
    segments = path.split("/")
    ids = [segment for segment in segments if len(segment) == _ID_LENGTH]
    shape = "/".join([_ANY_ID if len(segment) == _ID_LENGTH else segment for segment in segments])
    match = _resolve(shape)
    if list(match.kwargs.values()) != [_ANY_ID] * len(ids):
        # No route for ids, or one that takes other things as well.
        return resolve(path)
    return ResolverMatch(match.func, (), dict(zip(match.kwargs, ids, strict=True)), match.url_name, route=match.route)


# Bounded, since whoever asks may make up paths.
_resolve = lru_cache(maxsize=256)(resolve)
