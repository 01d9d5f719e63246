"""The conformance kit: whether a plugin keeps the promises that studies and readers rely on."""

from __future__ import annotations

from jackfield.testing.conformance.check import Check
from jackfield.testing.conformance.checks import CHECKS
from jackfield.testing.conformance.examination import Examination, check_plugin
from jackfield.testing.conformance.parametrised import CheckOfPlugin, conformance
from jackfield.testing.conformance.report import Outcome, Report

__all__ = ["CHECKS", "Check", "CheckOfPlugin", "Examination", "Outcome", "Report", "check_plugin", "conformance"]
