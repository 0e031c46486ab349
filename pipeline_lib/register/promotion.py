"""Moving the champion: one at a time, only from the champion one saw, only to files that are whole, and on record.

MLflow's aliases are last-writer-wins without history (20 of 20 concurrent promotions "succeed"). So a promotion holds
a lock of this machine, settles what others left behind, compares the champion with the one that was judged against,
verifies the files and moves. Where several machines promote, one of them has to be the one that does: the lock is a
file.
"""

from datetime import datetime
from typing import Literal

from pipeline_lib.base.errors import GateRefused, SettingsError
from pipeline_lib.register.ledger import Promotion, locked
from pipeline_lib.register.moves import fault_of, move
from pipeline_lib.register.registry import Registry, client_of, no_previous
from pipeline_lib.register.settle import settle_in


def promote(
    registry: Registry,
    version: int,
    *,
    expected_champion: int | Literal["anybody"] | None,
    reason: str,
    now: datetime,
    unsigned: int | None = None,
) -> Promotion:
    """Make `version` the champion, if `expected_champion` still is it. `unsigned` names it again, where nobody signed
    it who is trusted.

    Raises `GateRefused` when the champion changed in between, `DamagedArtifact` when the version's files are not what
    was uploaded, `Untrusted` when nobody signed them, `SettingsError` when there is no such version.
    """
    check_named(version, unsigned)
    with locked(registry), client_of(registry) as client:
        settled = settle_in(client, registry, now=now)
        finished = settled.finished
        if finished is not None and (finished.kind, finished.version) == ("promote", version):
            return finished
        champion = None if settled.champion is None else settled.champion.number
        if expected_champion not in (champion, "anybody"):
            raise GateRefused(
                f"{registry.name}: the champion changed: it is {_shown(champion)}, not {_shown(expected_champion)}. "
                f"Version {version} was not promoted; compare it with the new champion."
            )
        is_unsigned = unsigned is not None
        return move(client, registry, version, kind="promote", reason=reason, now=now, is_unsigned=is_unsigned)


def rollback(registry: Registry, *, reason: str, now: datetime, unsigned: int | None = None) -> Promotion:
    """Put the previous champion back; the present one becomes `previous`, so that a second rollback undoes the first.

    One that was cut off is finished by the next, and not undone. Raises `GateRefused` when there is no previous
    champion, `DamagedArtifact` when its files are not what was uploaded, `Untrusted` when nobody signed them who is
    trusted and `unsigned` does not name it.
    """
    with locked(registry), client_of(registry) as client:
        settled = settle_in(client, registry, now=now)
        if settled.finished is not None and settled.finished.kind == "rollback":
            return settled.finished
        champion = None if settled.champion is None else settled.champion.number
        if settled.back is None:
            others = (version for version in settled.versions if version != champion)
            best = next((version for version in others if not fault_of(client, registry, version)), None)
            raise no_previous(registry, best)
        check_named(settled.back, unsigned)
        is_unsigned = unsigned is not None
        return move(client, registry, settled.back, kind="rollback", reason=reason, now=now, is_unsigned=is_unsigned)


def check_named(version: int, unsigned: int | None) -> None:
    """Raises `SettingsError` when the version that may be without a signature is another one than is meant."""
    if unsigned not in (None, version):
        raise SettingsError(f"--unsigned {unsigned}: names another version than {version}, which is to be champion.")


def _shown(version: int | str | None) -> str:
    return "none" if version is None else f"version {version}"
