"""Looks at everything that flowcraft needs here, and says what to do: the contents of `flowcraft doctor`."""

from flowcraft_engine.diagnosis.diagnose import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
