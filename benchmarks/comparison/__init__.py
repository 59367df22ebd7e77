"""Filesystems side by side: what benchmarks/compare.py is made of.

    compare.py -> rounds -> workloads -> filesystems, fio, material, machine
               -> report, chart -> figures
"""
