"""The pictures of a page, as SVG that stands in HTML: in its colours, in its font, the same bytes each time.

matplotlib takes most of a second to load, so whoever imports this module is about to draw. Its colours here are names:
each is put in place by the page's own, which are others at night and in print.
"""

import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any
from xml.sax.saxutils import quoteattr

import matplotlib
from markupsafe import Markup, escape
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from pipeline_lib.report.night import limit_said
from pipeline_lib.report.values import axis_for, heights
from pipeline_lib.report.views import Flow, Signal

INK, ACCENT, LIMIT, LINE = "#010203", "#010204", "#010205", "#010206"
COLOURS = {INK: "currentColor", ACCENT: "var(--accent)", LIMIT: "var(--limit)", LINE: "var(--line)"}
WIDTH, HEIGHT = 4.2, 1.9  # inches, as matplotlib counts: the page makes them as wide as there is room
BOX = (0.1, 0.14, 0.875, 0.82)  # of a histogram in it; a layout that is worked out takes a third of the time
STYLE: Mapping[str, Any] = {
    "svg.fonttype": "none",
    "font.size": 8,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
REFERENCE = re.compile(r"(?:url\(#|href=\"#)([\w-]+)")
ID = re.compile(r' id="([\w-]+)"')
HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
COMMENT = re.compile(r"\s*<!--.*?-->", re.DOTALL)
SHEET = re.compile(r"\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)  # it would be one of the whole page
SIZE = re.compile(r' (?:width|height)="[\d.]+pt"')
FONT = re.compile(r"font: ([\d.]+px) [^;\"]+")


def histogram(signal: Signal) -> Markup:
    """How the values of a signal are spread: this night's filled, all others as a line, the limits as dashes."""
    limits = {limit.limit: 0 for limit in signal.limits}
    axis = axis_for({**limits, **signal.earlier, **signal.new})
    with matplotlib.rc_context(dict(STYLE)):
        figure = Figure(figsize=(WIDTH, HEIGHT))
        axes = figure.add_axes(BOX)
        if signal.new:
            axes.stairs(heights(signal.new, axis), axis.edges, fill=True, color=ACCENT, alpha=0.55)
        if signal.earlier:
            axes.stairs(heights(signal.earlier, axis), axis.edges, color=INK, linewidth=0.8)
        if axis.is_log:
            axes.set_xscale("log")
            axes.minorticks_off()
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
        left, right = axis.edges[0], axis.edges[-1]
        for limit in signal.limits:
            axes.axvline(max(limit.limit, left), color=LIMIT, linewidth=1, linestyle="--")
            beyond = (left, max(limit.limit, left)) if limit.bound == "at_least" else (max(limit.limit, left), right)
            axes.axvspan(*beyond, color=LIMIT, alpha=0.08, linewidth=0)
        axes.set_xlim(left, right)
        _percent(axes.yaxis)
        return _svg(figure, alt_of(signal), salt=signal.name)


def alt_of(signal: Signal) -> str:
    """A histogram in words."""
    before = "" if signal.median_before is None else f", {signal.median_before:.4g} before"
    middle = "no values" if signal.median is None else f"median {signal.median:.4g}{before}"
    limits = "; ".join(f"limit {limit_said(one.bound, one.limit)}" for one in signal.limits) or "no limit"
    return f"Histogram of {signal.name}: {middle}; {limits}."


def bars(flows: Sequence[Flow]) -> Markup:
    """The funnel: how many documents each stage has kept of those that ingest met."""
    names, numbers = [flow.stage for flow in flows], [flow.num_out for flow in flows]
    total = flows[0].num_in if flows else 0
    told = ", ".join(f"{name} {number:,}" for name, number in zip(names, numbers, strict=True))
    with matplotlib.rc_context(dict(STYLE)):
        figure = Figure(figsize=(WIDTH, 0.24 * (len(flows) + 1) + 0.1), layout="constrained")
        axes = figure.add_subplot()
        places = range(len(flows) + 1)
        axes.barh(places, [total, *numbers], height=0.7, color=ACCENT, alpha=0.55)
        for place, number in zip(places, [total, *numbers], strict=True):
            share = f"{number:,}" + (f" ({number / total:.1%})" if total else "")
            axes.annotate(share, (number, place), xytext=(4, 0), textcoords="offset points", va="center")
        axes.set_yticks(places, ["in", *names])
        axes.invert_yaxis()
        axes.set_xlim(0, (total or 1) * 1.35)
        axes.xaxis.set_visible(False)
        for side in ("bottom", "left"):
            axes.spines[side].set_visible(False)
        axes.tick_params(length=0)
        return _svg(figure, f"Funnel: {total:,} documents in; kept by {told}.", salt="funnel")


def _short(value: float) -> str:
    """A number on an axis: 0.01, 100, 10k, 1M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _percent(axis: Any) -> None:
    axis.set_major_locator(MaxNLocator(3))
    axis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    axis.grid(visible=True, color=LINE, linewidth=0.4)
    axis.set_tick_params(length=0)


def _svg(figure: Figure, alt: str, *, salt: str) -> Markup:
    """A figure as an element of HTML: no clock, no size of its own, no ids but those that it refers to."""
    file = StringIO()
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None, "Creator": None})
    text = SHEET.sub("", COMMENT.sub("", METADATA.sub("", HEAD.sub("", file.getvalue()))))
    used = set(REFERENCE.findall(text))
    text = ID.sub(lambda found: found[0] if found[1] in used else "", text)
    text = FONT.sub(r"font-size: \1", SIZE.sub("", text, count=2))
    for colour, name in COLOURS.items():
        text = text.replace(colour, name)
    label = f'<svg role="img" aria-label={quoteattr(alt)}'
    return Markup(text.strip().replace("<svg", label, 1).replace(">", f"><title>{escape(alt)}</title>", 1))
