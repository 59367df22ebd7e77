"""From single figures to medians, ratios and spreads. Pure functions.

`results` is workload -> filesystem -> one figure a round, as rounds.py collects them. A ratio above 1 is always the better one, also where
less is better.
"""

import math
import statistics

from . import workloads


def median(results, workload, name):
    """None if there is no figure."""
    values = results.get(workload, {}).get(name)
    return statistics.median(values) if values else None


def ratio(workload, value, reference):
    """How many times better `value` is than `reference`."""
    return value / reference if workloads.ALL[workload].more_is_better else reference / value


def best(results, workload, names):
    """Who of `names` has the best median; None if none has any."""
    present = [name for name in names if median(results, workload, name) is not None]
    if not present:
        return None
    choose = max if workloads.ALL[workload].more_is_better else min
    return choose(present, key=lambda name: median(results, workload, name))


def best_peer(results, workload, filesystems):
    """The encrypted filesystem to beat. `filesystems` is name -> {"encrypted", "syncs"}; demofs is no peer."""
    needs_sync = workloads.ALL[workload].needs_sync
    peers = [name for name, kind in filesystems.items()
             if kind["encrypted"] and name != "demofs" and (kind["syncs"] or not needs_sync)]
    return best(results, workload, peers)


def ratio_of_medians(results, workload, name, reference):
    """None if one of them has no figure."""
    value, other = median(results, workload, name), median(results, workload, reference)
    return None if value is None or other is None else ratio(workload, value, other)


def ratio_spread(results, workload, name, reference):
    """The worst and the best ratio of the single rounds; None if one of them has no figure."""
    pairs = list(zip(results.get(workload, {}).get(name, ()), results.get(workload, {}).get(reference, ())))
    if not pairs:
        return None
    ratios = [ratio(workload, value, other) for value, other in pairs]
    return min(ratios), max(ratios)


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def mean_ratio(results, name, filesystems):
    """The geometric mean of the ratios to the best peer, over all workloads that have one; None if there are none."""
    ratios = []
    for workload, kind in workloads.ALL.items():
        peer = best_peer(results, workload, filesystems)
        value = ratio_of_medians(results, workload, name, peer) if kind.in_mean and peer else None
        if value is not None:
            ratios.append(value)
    return geometric_mean(ratios) if ratios else None
