"""The figures as a chart: each workload a row, each filesystem a mark at its ratio to the best encrypted peer."""

import math
from xml.sax.saxutils import escape

from . import figures, workloads

LEFT, WIDTH, ROW, TOP, BOTTOM, RIGHT = 230, 560, 22, 64, 34, 20
LOW, HIGH = 1 / 8, 16  # the axis; marks beyond it stand at its end
COLOURS = {"demofs": "#c0392b", "native": "#7f8c8d", "passthrough": "#2c3e50", "gocryptfs": "#2980b9", "securefs": "#27ae60",
           "cryfs": "#8e44ad", "encfs": "#d68910"}


def position(ratio):
    """The place on the logarithmic axis, in pixels."""
    inside = min(max(ratio, LOW), HIGH)
    return LEFT + WIDTH * math.log(inside / LOW) / math.log(HIGH / LOW)


def text_at(x, y, content, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{escape(content)}</text>'


def mark(name, x, y):
    colour = COLOURS.get(name, "#555")
    if name == "demofs":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{colour}"/>'
    if name in ("native", "passthrough"):
        return f'<path d="M{x:.1f} {y - 6:.1f}v12" stroke="{colour}" stroke-width="3"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="none" stroke="{colour}" stroke-width="2"/>'


def legend(names):
    parts, x = [], LEFT
    for name in names:
        parts += [mark(name, x, 20), text_at(x + 10, 24, name)]
        x += 22 + 7 * len(name)
    return parts


def axis(height):
    parts = []
    for power in range(round(math.log2(LOW)), round(math.log2(HIGH)) + 1):
        ratio = 2.0 ** power
        x = position(ratio)
        parts.append(f'<path d="M{x:.1f} {TOP - 12}V{height - BOTTOM}" stroke="{"#444" if ratio == 1 else "#ddd"}"/>')
        parts.append(text_at(x, height - BOTTOM + 16, f"{ratio:g}x", "middle"))
    return parts


def row(results, filesystems, workload, y):
    kind = workloads.ALL[workload]
    parts = [text_at(LEFT - 12, y + 4, kind.title, "end")]
    peer = figures.best_peer(results, workload, filesystems)
    spread = figures.ratio_spread(results, workload, "demofs", peer)
    if spread:
        parts.append(f'<path d="M{position(spread[0]):.1f} {y}H{position(spread[1]):.1f}" stroke="{COLOURS["demofs"]}" '
                     'stroke-width="2" opacity="0.5"/>')
    # demofs last, on top of the others.
    for name in sorted(filesystems, key=lambda name: name == "demofs"):
        ratio = figures.ratio_of_medians(results, workload, name, peer)
        if ratio is not None:
            parts.append(mark(name, position(ratio), y))
    return parts


def svg(record):
    """The whole picture as text, of what compare.py saved."""
    results, filesystems = record["figures"], record["filesystems"]
    rows = [workload for workload, kind in workloads.ALL.items()
            if kind.in_mean and workload in results and figures.best_peer(results, workload, filesystems)]
    width, height = LEFT + WIDTH + RIGHT, TOP + ROW * len(rows) + BOTTOM
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
             'font-family="sans-serif" font-size="12" fill="#222">', f'<rect width="{width}" height="{height}" fill="#fff"/>']
    parts += legend(filesystems)
    parts.append(text_at(LEFT, 44, "times the speed of the best encrypted peer (more to the right is better; the line: all rounds)"))
    parts += axis(height)
    for index, workload in enumerate(rows):
        parts += row(results, filesystems, workload, TOP + ROW * index + ROW / 2 - 6)
    return "\n".join([*parts, "</svg>"]) + "\n"
