"""Draw a report's figures from the arrays in its JSON, as inline SVG that loads nothing."""

from __future__ import annotations

import io
import math
import re
import warnings
import xml.etree.ElementTree as ET
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import numpy as np

from scaling_fast.findings import float_from_json
from scaling_fast.reporting.words import plain, power_of_ten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Stand-ins that the page's style sheet replaces, so that figures follow light, dark and print.
INK, FAINT, LINE, PAPER, OURS, OTHER = (
    "#0a0b01",
    "#0a0b02",
    "#0a0b03",
    "#0a0b04",
    "#0a0b05",
    "#0a0b06",
)
VARIABLES = {INK: "ink", FAINT: "faint", LINE: "line", PAPER: "paper", OURS: "ours", OTHER: "other"}
WIDTH = 9.2  # inches; the page scales figures to its column
NAMES = {"C": "training compute, FLOP", "N": "parameters", "D": "training tokens"}
# What a figure's SVG may consist of; anything else is left out.
TAGS = frozenset({"g", "defs", "path", "clipPath", "rect", "use", "text", "tspan"})
ATTRIBUTES = frozenset(
    {"id", "d", "x", "y", "width", "height", "viewBox", "style", "transform", "clip-path", "href"}
)
OUTWARD = re.compile(r"url\((?!#)")
FONT = re.compile(r"font: ([\d.]+px)[^;]*")  # the page's own font instead
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "scaling_fast",
    "text.parse_math": False,
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": FAINT,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": FAINT,
    "text.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
}


def draw(figures: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the figures of a report: title, caption and SVG text of each.

    Parameters
    ----------
    figures
        The ``figures`` of a report's JSON.
    """
    import matplotlib as mpl

    drawn: list[dict[str, str]] = []
    fits = figures.get("fits") or []
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        exponent = figures.get("exponent") or {}
        if exponent.get("rows"):
            drawn.append(_drawn(partial(_statements, exponent)))
        if figures.get("draws"):
            drawn.append(_drawn(partial(_draws, figures["draws"])))
        drawn += [_drawn(partial(_fit, fit, several=len(fits) > 1)) for fit in fits]
    for place, figure in enumerate(drawn):
        label = escape(figure["title"], {'"': "&quot;"})
        named = figure["svg"].replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
        figure["svg"] = _prefixed(named, f"f{place}-")
    return drawn


def _drawn(make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Return a figure, or words in its place: numbers no plot can hold must not lose a report."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make()
    except Exception:
        return {
            "title": "A figure that cannot be drawn",
            "caption": "Its numbers are beyond what a plot can show; the table holds them.",
            "svg": "",
        }


def _figure(height: float, columns: int = 1, *, sharey: bool = False) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.patch.set_alpha(0.0)
    axes = figure.subplots(1, columns, squeeze=False, sharey=sharey)[0]
    for ax in axes:
        ax.patch.set_alpha(0.0)
    return figure, list(axes)


def _statements(data: Mapping[str, Any]) -> dict[str, str]:
    """Draw every statement about one quantity, one per line."""
    numbers = ("value", "lower", "upper")
    rows = [
        row | {name: _drawable(row[name]) for name in numbers}
        for row in data["rows"]
        if any(_drawable(row[name]) is not None for name in numbers)
    ]
    figure, (ax,) = _figure(0.75 + 0.34 * len(rows))
    for place, row in enumerate(rows):
        y, colour = -place, PAPER if row["origin"] == "paper" else OURS
        ends = [row["lower"], row["upper"]]
        if None not in ends:
            ax.plot(ends, [y, y], color=colour, lw=5.5, alpha=0.45, solid_capstyle="butt")
            ax.plot(ends, [y, y], color=colour, lw=0, marker="|", ms=11, mew=1.6)
        if row["value"] is not None:
            mark = "D" if row["origin"] == "paper" else "o"
            ax.plot([row["value"]], [y], marker=mark, ms=6, color=colour)
    ax.set_yticks(
        [-place for place in range(len(rows))], [_short(row["label"], 60) for row in rows]
    )
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    ax.set_ylim(-len(rows) + 0.4, 0.6)
    ax.margins(x=0.06)
    ax.grid(axis="x", color=LINE, lw=0.6, alpha=0.5)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(_short(data["quantity"], 80))
    return {
        "title": f"Values of {plain(data['quantity'])}",
        "caption": "Orange diamonds and bars are the paper's own numbers; blue dots and bars are "
        "refits by this audit.",
        "svg": _svg(figure),
    }


def _draws(data: Mapping[str, Any]) -> dict[str, str]:
    """Draw the refits of one quantity beside what the paper reports."""
    figure, (ax,) = _figure(2.9)
    edges = np.array(data["edges"])
    looks = [(OURS, 0.35, True), (OTHER, 0.0, False)]
    for (kind, density), (colour, alpha, filled) in zip(
        data["density"].items(), looks, strict=False
    ):
        heights = np.array(density)
        if filled:
            ax.stairs(heights, edges, color=colour, fill=True, alpha=alpha, lw=0)
        ax.stairs(heights, edges, color=colour, lw=1.5, label=f"refits, {_short(kind, 40)}")
    top = max(max(density) for density in data["density"].values())
    ax.plot([data["estimate"]] * 2, [0, 1.04 * top], color=OURS, lw=1.6, ls=(0, (4, 2)))
    ax.annotate("refit", (data["estimate"], 1.05 * top), color=OURS, ha="center", va="bottom")
    if data.get("reported_interval"):
        low, high = data["reported_interval"]
        ax.axvspan(low, high, color=PAPER, alpha=0.55, lw=0, label="reported interval")
    point = _drawable(data.get("reported_point"))
    if point is not None:
        ax.plot([point] * 2, [0, 1.04 * top], color=PAPER, lw=1.6, label="reported parameters")
    ax.set_ylim(0, 1.18 * top)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(_short(data["quantity"], 80))
    ax.legend(loc="upper right")
    colours = "Blue and green are" if len(data["density"]) > 1 else "Blue are"
    return {
        "title": f"Refits of {plain(data['quantity'])}",
        "caption": f"{colours} refits of resampled rows, each to a certified optimum; orange is what "
        "the paper reports. A reported interval much narrower than this spread would need far more "
        "rows than there were.",
        "svg": _svg(figure),
    }


def _fit(data: Mapping[str, Any], *, several: bool) -> dict[str, str]:
    """Draw rows and curves of a law of one input, or residuals of both points side by side."""
    suffix = f", {plain(data['label'])}" if several else ""
    figure, caption = _curves(data) if data.get("curve") else _residual_panels(data)
    return {"title": f"The law and the rows{suffix}", "caption": caption, "svg": _svg(figure)}


def _curves(data: Mapping[str, Any]) -> tuple[Figure, str]:
    """Draw the rows with both curves, and what each leaves over."""
    curve, reported = data["curve"], data.get("reported")
    size, percent = _array(data["size"]), data["residual"] == "log"
    figure, (ax, rest) = _figure(3.2, 2)
    x = _array(curve["x"])
    ax.plot(x, _array(curve["refitted"]), color=OURS, lw=1.8, label="refit")
    if curve.get("reported"):
        dashes: Any = (0, (5, 2))
        values = _array(curve["reported"])
        ax.plot(x, values, color=PAPER, lw=1.6, ls=dashes, label="reported")
    inputs, observed = _array(data["inputs"]), _array(data["observed"])
    ax.plot(inputs, observed, "o", color=INK, ms=4.5, label="rows")
    _log_axis(ax)
    ax.set_xlabel(_axis(curve["column"]))
    ax.set_ylabel("loss")
    ax.set_title("The law and the rows")
    ax.legend()
    rest.axhline(0, color=LINE, lw=1)
    refitted = _residuals(data["refitted"], percent=percent)
    rest.plot(size, refitted, "o-", color=OURS, ms=4.5, lw=1, label="refit")
    if reported:
        values = _residuals(reported, percent=percent)
        rest.plot(size, values, "D--", color=PAPER, ms=4.5, lw=1, label="reported")
    _log_axis(rest)
    rest.set_xlabel(_axis(data["axis"]))
    rest.set_ylabel(_unit(percent=percent))
    rest.set_title("Residuals")
    rest.legend()
    return figure, (
        "Left, the rows and both curves; right, the residuals of each: blue is the refit, orange "
        "the reported law."
    )


def _residual_panels(data: Mapping[str, Any]) -> tuple[Figure, str]:
    """Draw residuals at the reported parameters and at the refit side by side."""
    size, percent = _array(data["size"]), data["residual"] == "log"
    reported = data.get("reported")
    panels = [("reported parameters", reported, PAPER)] if reported else []
    panels.append(("refit", data["refitted"], OURS))
    figure, axes = _figure(3.2, len(panels), sharey=True)
    for ax, (title, values, colour) in zip(axes, panels, strict=True):
        residuals = _residuals(values, percent=percent)
        ax.axhline(0, color=LINE, lw=1)
        ax.plot(size, residuals, "o", color=colour, ms=3.6, alpha=0.55, mew=0)
        ax.plot(*_running_median(size, residuals), color=INK, lw=1.8, label="running median")
        _log_axis(ax)
        ax.set_xlabel(_axis(data["axis"]))
        ax.set_title(f"Residuals of the {title}")
        ax.grid(axis="y", color=LINE, lw=0.6, alpha=0.4)
    axes[0].set_ylabel(_unit(percent=percent))
    axes[0].legend(loc="best")
    drawn = f", {size.size} of them drawn" if size.size < data["rows"] else ""
    return figure, (
        "Orange is the reported law, blue the refit. Where the running median leaves zero, the law "
        f"is wrong in one direction. {data['rows']} rows{drawn}."
    )


def _unit(*, percent: bool) -> str:
    return "fitted over observed, %" if percent else "fitted minus observed"


def _drawable(value: Any) -> float | None:
    """Return a number of a report's JSON; None for what no plot can hold."""
    number = float_from_json(value)
    return None if number is None or not math.isfinite(number) else float(number)


def _array(values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return an array of a report's JSON, NaN where no plot can hold a number."""
    drawable = [_drawable(value) for value in values]
    return np.array([math.nan if value is None else value for value in drawable], dtype=np.float64)


def _residuals(values: Sequence[Any], *, percent: bool) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = _array(values)
    return 100 * np.expm1(array) if percent else array


def _running_median(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """Return medians over a window of a tenth of the rows, at least seven."""
    half = max(3, x.size // 20)
    middle = [float(np.nanmedian(y[max(0, i - half) : i + half + 1])) for i in range(x.size)]
    return x, np.array(middle)


def _log_axis(ax: Axes) -> None:
    """Make the horizontal axis logarithmic, its labels plain text: 10 and a superscript."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    low, high = ax.get_xlim()
    every = max(1, round(np.log10(high / low) / 6))
    ax.xaxis.set_major_locator(LogLocator(base=10.0**every))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _axis(name: str) -> str:
    return f"{_short(name, 40)} ({NAMES[name]})" if name in NAMES else _short(name, 40)


def _short(text: str, limit: int) -> str:
    text = plain(text)
    return text if len(text) <= limit else text[: limit - 1] + "\u2026"


def _svg(figure: Figure) -> str:
    """Return a figure as SVG of allowed tags and attributes that refers only to itself."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    root = ET.fromstring(text[text.index("<svg") :])  # our own text, not a caller's
    for size in ("width", "height"):
        root.attrib.pop(size, None)  # the page's column decides
    clean = _allowed(root)
    shown = ET.tostring(clean, encoding="unicode")
    for colour, name in VARIABLES.items():
        shown = shown.replace(colour, f"var(--{name})")
    return shown


def _allowed(element: ET.Element) -> ET.Element:
    """Return a copy with allowed tags and attributes, names without namespaces, no comments."""
    copy = ET.Element(element.tag.rpartition("}")[2])
    for key, value in element.attrib.items():
        name = key.rpartition("}")[2]
        outward = (name == "href" and not value.startswith("#")) or OUTWARD.search(value)
        if name in ATTRIBUTES and not outward:
            copy.set(name, FONT.sub(r"font-size: \1", value) if name == "style" else value)
    copy.text, copy.tail = element.text, element.tail
    for child in element:
        if child.tag.rpartition("}")[2] in TAGS:
            copy.append(_allowed(child))
    return copy


def _prefixed(svg: str, prefix: str) -> str:
    """Return an SVG whose identifiers cannot meet those of another on the page."""
    svg = re.sub(r'(<[^<>]*?)\sid="([^"]+)"', rf'\1 id="{prefix}\2"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}\1)", svg)
    return re.sub(r'(<[^<>]*?)\shref="#([^"]+)"', rf'\1 href="#{prefix}\2"', svg)
