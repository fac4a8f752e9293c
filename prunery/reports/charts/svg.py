"""Write SVG elements; every text and attribute is escaped on the way."""

from __future__ import annotations

from markupsafe import Markup, escape


def number(value: float) -> str:
    """A coordinate with one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def tag(name: str, *content: str | Markup, **attributes: float | str | None) -> Markup:
    """One element; `class_` and `text_anchor` lose the underscore, None leaves an attribute out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(escape(part) for part in content)
    if not inner:
        return Markup(f"<{name}{written}/>")  # noqa: S704 - all parts are escaped above
    return Markup(f"<{name}{written}>{inner}</{name}>")  # noqa: S704 - as above


def text(content: str, x: float, y: float, **attributes: float | str | None) -> Markup:
    """A text at a point."""
    return tag("text", content, x=x, y=y, **attributes)


def path(data: str, css: str) -> Markup:
    """A path of one class."""
    return tag("path", d=data, class_=css)


def points(pairs: list[tuple[float, float]]) -> str:
    """The `points` of a polyline."""
    return " ".join(f"{number(x)},{number(y)}" for x, y in pairs)


def picture(
    name: str, size: tuple[float, float], css: str, title: str, description: str, *content: Markup
) -> Markup:
    """The outer element, named and described for those who do not see it."""
    ids = (f"{name}-title", f"{name}-finding")
    return tag(
        "svg",
        tag("title", title, id=ids[0]),
        tag("desc", description, id=ids[1]) if description else "",
        *content,
        class_=css,
        viewBox=f"0 0 {number(size[0])} {number(size[1])}",
        role="img",
        aria_labelledby=" ".join(ids) if description else ids[0],
    )


def shorten(name: str, length: int) -> str:
    """A name cut in its middle: both ends of a layer path say something."""
    if len(name) <= length:
        return name
    head = (length - 1) // 2
    return f"{name[:head]}…{name[len(name) - (length - 1 - head) :]}"


def _value(value: float | str) -> Markup:
    return escape(value if isinstance(value, str) else number(value))
