"""Benchmarks of jackfield against the obvious alternative: ``python -m tests.benchmarks [NAME ...]``.

A benchmark is a module ``bench_<name>.py`` here with ``run() -> Mapping[str, float | int | str]``. Its docstring says
what is compared. The names that it returns carry their units, as in ``replay_s``; ratios are what to read, since
seconds are those of one machine.
"""
