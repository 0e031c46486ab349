"""The errors of Nightshift: one small tree, and what each of them means for a retry.

    NightshiftError          every error that is ours; shown as one message, never as a traceback
    |- SettingsError         the run can never work as configured           not retried   exit 2
    |- DataError             data does not match its schema or manifest     not retried   exit 3
    |  |- DamagedArtifact    a file differs from the digest in its manifest
    |  |  |- DamagedVersion  the same of a version in MLflow
    |  |- GuardStop          a stage would lose far more than it may
    |  |- Untrusted          nobody signed a model who is trusted
    |- UpstreamError         a network, disk or tracker that may recover    retried       exit 4
    |- StageTimeout          a stage passed its deadline and was stopped    not retried   exit 4
    |- GateRefused           the challenger is not better: a result, not a crash          exit 5
    |- WorkspaceBusy         another night is at work in this workspace     not retried   exit 6

`nightshift status` has one exit status of its own: 7, when the last night failed; so has `nightshift doctor`: 8, when
something keeps nights from their work.

A message has three parts: what is wrong, the value and the place, what to do next. Document text, addresses and keys
never appear in one.
"""

from functools import partial
from typing import Any


class NightshiftError(Exception):
    """Base of all errors that are ours."""

    exit_code = 1


class SettingsError(NightshiftError):
    """The run can never work as configured."""

    exit_code = 2


class DataError(NightshiftError):
    """Data does not match its schema or its manifest."""

    exit_code = 3


class DamagedArtifact(DataError):
    """A file of an artifact is missing or differs from its manifest. It knows which artifact, to have it rebuilt."""

    def __init__(self, message: str, *, stage: str = "", fingerprint: str = "") -> None:
        super().__init__(message)
        self.stage, self.fingerprint = stage, fingerprint

    def __reduce__(self) -> tuple[Any, ...]:
        """It comes from worker processes."""
        return partial(type(self), stage=self.stage, fingerprint=self.fingerprint), self.args


class DamagedVersion(DamagedArtifact):
    """The files of a registered version are missing, or not what was uploaded. It knows which version."""

    def __init__(self, message: str, *, version: int) -> None:
        super().__init__(message)
        self.version = version

    def __reduce__(self) -> tuple[Any, ...]:
        """It comes from worker processes."""
        return partial(type(self), version=self.version), self.args


class GuardStop(DataError):
    """A stage would lose far more documents than it may."""


class Untrusted(DataError):
    """Nobody signed a model whom this workspace trusts, or the signature is wrong."""


class UpstreamError(NightshiftError):
    """Something outside of us failed that may recover: worth another try."""

    exit_code = 4


class StageTimeout(NightshiftError):
    """A stage passed its deadline and its processes were stopped."""

    exit_code = 4


class GateRefused(NightshiftError):
    """The gate refused a model: a result, not a crash."""

    exit_code = 5


class WorkspaceBusy(NightshiftError):
    """Another night is at work in this workspace."""

    exit_code = 6
