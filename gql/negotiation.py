"""Which media types a request brings and takes."""

from functools import lru_cache

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
HTML = "text/html"
EVENTS = "text/event-stream"

_REMEMBERED = 64
"""Headers that are known by what they say: a stranger's have 64 KiB each."""

_WILD = ("*/*", "text/*", "application/*")


@lru_cache(maxsize=_REMEMBERED)
def choose_media(accept: str, html_offered: bool = False) -> str | None:
    """The media type to answer with, by the weights in an Accept header; None if none will do.

    JSON answers to `*/*` and to a missing header, as the GraphQL-over-HTTP specification asks. A stream of
    events answers only who asks for it by name and before any JSON: many clients list it last, just in case.
    """
    weights = _read_weights(accept) or {"*/*": 1.0}
    if _prefers_events(weights):
        return EVENTS
    offered = (JSON, GRAPHQL, HTML) if html_offered else (JSON, GRAPHQL)
    best = max(offered, key=lambda media: (_weigh(media, weights), media in weights and media == GRAPHQL))
    return best if _weigh(best, weights) > 0 else None


@lru_cache(maxsize=_REMEMBERED)
def is_json(content_type: str) -> bool:
    """Whether a body of this type is JSON in UTF-8, said or assumed."""
    media, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset=")]
    return media == JSON and all(charset in ("utf-8", "utf8") for charset in charsets)


def _prefers_events(weights: dict[str, float]) -> bool:
    wanted = weights.get(EVENTS, 0.0)
    earlier = [*weights][: [*weights].index(EVENTS)] if wanted else []
    rest = max(_weigh(media, weights) for media in (JSON, GRAPHQL))
    return wanted > rest or (wanted == rest and wanted > 0 and not {JSON, GRAPHQL, *_WILD} & {*earlier})


def _weigh(media: str, weights: dict[str, float]) -> float:
    group = media.partition("/")[0] + "/*"
    return weights.get(media, weights.get(group, weights.get("*/*", 0.0)))


def _read_weights(accept: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for choice in accept.lower().split(","):
        media, *parameters = (part.strip() for part in choice.split(";"))
        if media in (JSON, GRAPHQL, HTML, EVENTS, *_WILD):
            weights[media] = max(weights.get(media, 0.0), _read_quality(parameters))
        elif media:
            weights.setdefault("", 0.0)
    return weights


def _read_quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
