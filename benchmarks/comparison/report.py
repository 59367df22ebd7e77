"""The figures as tables, in Markdown that is also readable in a terminal."""

from . import figures, workloads


def number(value, unit):
    """With as many digits as are worth reading."""
    if unit == "/s" and value >= 10_000:
        return f"{value / 1000:,.1f}k"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 1 else f"{value:.2f}"


def cell(results, workload, name):
    """The median with the least and the greatest figure."""
    values = results.get(workload, {}).get(name)
    if not values:
        return "–"
    unit = workloads.ALL[workload].unit
    text = number(figures.median(results, workload, name), unit)
    if len(values) > 1:
        text += f" ({number(min(values), unit)}–{number(max(values), unit)})"
    return text


def goal_text(value, goal):
    """A ratio beside its goal."""
    if value is None:
        return "–"
    if goal is None:
        return f"{value:.2f}x"
    return f"{value:.2f}x (≥ {goal:g}x: {'reached' if value >= goal else 'missed'})"


def table(rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def figure_table(results, filesystems):
    names = list(filesystems)
    rows = [["workload", *names], ["---"] * (len(names) + 1)]
    for workload, kind in workloads.ALL.items():
        if workload in results:
            rows.append([f"{kind.title}, {kind.unit}", *(cell(results, workload, name) for name in names)])
    return table(rows)


def ratio_table(results, filesystems):
    """demofs beside the best peer and passthrough, and beside its goals."""
    rows = [["workload", "best peer", "demofs / best peer", "demofs / passthrough"], ["---"] * 4]
    for workload, kind in workloads.ALL.items():
        peer = figures.best_peer(results, workload, filesystems)
        if workload not in results or peer is None:
            continue
        to_peer = figures.ratio_of_medians(results, workload, "demofs", peer)
        to_passthrough = figures.ratio_of_medians(results, workload, "demofs", "passthrough")
        rows.append([kind.title, peer, goal_text(to_peer, kind.goal_peer), goal_text(to_passthrough, kind.goal_passthrough)])
    return table(rows)


def text(record):
    """The whole report of what compare.py saved."""
    results, filesystems, machine = record["figures"], record["filesystems"], record["machine"]
    parts = [f"Medians of {record['rounds']} interleaved rounds (least–greatest), sizes '{record['sizes']}'. "
             f"{machine['processors']} processors, {machine['memory_gib']} GiB, {machine['disk']}, Linux {machine['kernel']}, "
             f"load {machine['load']:.1f} at the start.", figure_table(results, filesystems)]
    if "demofs" in filesystems:
        mean = figures.mean_ratio(results, "demofs", filesystems)
        if mean is not None:
            parts += [ratio_table(results, filesystems), f"Geometric mean of the ratios to the best peer: {mean:.2f}x."]
    parts += ["\n".join(f"* {name}: `{kind['options']}`" for name, kind in filesystems.items())]
    if not record["cold"]:
        parts.append("The system's caches were not dropped (that needs root): what is called cold is a fresh mount on a warm disk.")
    return "\n\n".join(parts)
