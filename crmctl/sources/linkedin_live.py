"""LinkedIn, kept up to date from a folder in which people put what they download.

LinkedIn has no interface for this that a team may use: no call, no login and no cookie of theirs is needed here. Each
archive is read once, by its content; a newer one of the same person says everything again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Batch, Waiting
from crmctl.sources.errors import SourceError
from crmctl.sources.linkedin_connections import SYSTEM
from crmctl.sources.linkedin_files import Bundle, bundles, read_bundle
from crmctl.sources.network import Network
from crmctl.sources.source import Chunk, Request
from crmctl.workspace.machine import Machine, variable
from crmctl.workspace.source_settings import LinkedInSettings


class LinkedIn:
    """The folder as a source. Its mark holds the digests of what was read: ``{"files": [...]}``."""

    system = SYSTEM
    state = SYSTEM

    def __init__(self, folder: Path, settings: LinkedInSettings) -> None:
        self._folder = folder
        self._settings = settings

    def read(self, request: Request) -> Iterator[Chunk]:
        """What lies in the folder and was not read yet, the oldest archive first."""
        read = {str(digest) for digest in request.mark.get("files", ())}
        fresh = {
            digest: bundle for bundle in self._bundles() if (digest := bundle.digest()) not in read
        }
        for digest, bundle in fresh.items():
            batch = self._batch(bundle, request)
            read.add(digest)
            request.progress(len(batch.records))
            yield Chunk(batch, {"files": sorted(read)})

    def fetch(self, request: Request, wanted: Sequence[Waiting]) -> Batch:
        """Updates of companies whose account is known by now, from the files that are still there."""
        keys = {(one.kind, one.id) for one in wanted}
        found = Batch(SYSTEM, partial=True)
        for bundle in self._bundles():
            records = self._batch(bundle, request).records
            found.records += [record for record in records if (record.kind, record.id) in keys]
        return found

    def check(self) -> Iterator[str]:
        """What lies in the folder."""
        found = self._bundles()
        day = max((bundle.stamp for bundle in found), default="")
        yield f"reads {len(found)} archives and folders of tables in {self._folder}" + (
            f", the newest of {day}" if day else ""
        )

    def limits(self) -> Mapping[str, str]:
        return {}

    def _bundles(self) -> list[Bundle]:
        if not self._folder.is_dir():
            raise SourceError(
                f"{SYSTEM}: the folder {self._folder} is not there; put it back or set"
                f" {variable(SYSTEM, 'folder')} to where the archives lie"
            )
        return bundles(self._folder)

    def _batch(self, bundle: Bundle, request: Request) -> Batch:
        found = read_bundle(bundle, self._settings, request.interest(), request.now, request.since)
        return found or Batch(SYSTEM, notes=[f"{bundle.name} holds nothing that crmctl reads"])


def connect(machine: Machine, settings: LinkedInSettings, network: Network) -> LinkedIn:  # noqa: ARG001  files only
    """The folder that this machine names. ConfigError says what to do instead of logging in."""
    folder = machine.get(SYSTEM, "folder")
    if not folder:
        raise ConfigError(
            f"{SYSTEM}: LinkedIn offers no lawful API for this: download your archive (Settings, Data privacy, Get a"
            " copy of your data) and run `crmctl import linkedin FILE`, or set"
            f" {variable(SYSTEM, 'folder')} to a folder where you put such files"
        )
    return LinkedIn(Path(folder).expanduser(), settings)
