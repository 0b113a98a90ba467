"""This machine's own settings: where each system is and how we log in. They never lie in the workspace.

A setting is looked for in the environment (``CRMCTL_SLACK_TOKEN``), then in a file that only its owner can read
(``~/.config/crmctl/credentials.yaml``, or what ``CRMCTL_CREDENTIALS`` names), then in the system's keyring.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from crmctl.model.errors import BusyError, ConfigError, CrmError
from crmctl.workspace import atomic, yamldump, yamlio

CREDENTIALS = "CRMCTL_CREDENTIALS"
SERVICE = "crmctl"
# Settings that may be shown and told of; everything else is a secret.
OPEN = frozenset(
    {
        "url",
        "login_url",
        "door",
        "host",
        "port",
        "user",
        "username",
        "tenant",
        "client_id",
        "ca_file",
        "folder",
        "security",
        "from",
        "domains",
        "kind",
        "channel",
        "file",
    }
)
_FROM = "_from"  # behind a name: of which earlier value this one is the successor
_LONGEST = 256 << 10
_WORKSPACE = "crmctl.yaml"  # what marks a workspace
_WAIT = 30.0  # seconds for others to end their change


class Machine:
    """The settings of this machine, by system and name."""

    def __init__(
        self, environment: Mapping[str, str] | None = None, file: Path | None = None
    ) -> None:
        self._environment = os.environ if environment is None else environment
        self.file = file or _file(self._environment)
        self._seen: tuple[tuple[int, ...], dict[str, dict[str, Any]]] = (), {}

    def get(self, system: str, name: str) -> str:
        """A setting, "" if there is none. A value that the system renewed itself comes before what it replaces."""
        given = self._environment.get(variable(system, name), "")
        kept = self._section(system)
        if given and kept.get(f"{name}{_FROM}") == _digest(given):
            return str(kept.get(name, ""))
        return given or str(kept.get(name) or "") or self._from_keyring(system, name)

    def need(self, system: str, *names: str) -> dict[str, str]:
        """These settings; ConfigError names the ones that are missing and where they may stand."""
        found = {name: self.get(system, name) for name in names}
        missing = [name for name, value in found.items() if not value]
        if missing:
            variables = " and ".join(variable(system, name) for name in missing)
            raise ConfigError(
                f"{system}: {' and '.join(missing)} missing; set {variables}, or run `crmctl auth {system}`"
            )
        return found

    def has(self, system: str) -> bool:
        """Whether anything at all is set for a system here."""
        prefix = variable(system, "")
        return any(
            name.startswith(prefix) and value for name, value in self._environment.items()
        ) or bool(self._section(system))

    def save(self, system: str, name: str, value: str) -> None:
        """Keep a value that replaces the one there is, before anything else is done with it."""
        given = self._environment.get(variable(system, name), "")
        with self._alone():
            section = dict(self._section(system))
            if not given and not section.get(name) and self._in_keyring(system, name, value):
                if name in section:
                    return
                value = ""  # the file only says that there is something in the keyring
            section[name] = value
            if given:
                section[f"{name}{_FROM}"] = _digest(given)
            self._write(self._data | {system: section})

    def forget(self, system: str) -> None:
        """Remove what the file holds for a system."""
        if self._section(system):
            with self._alone():
                self._write({name: value for name, value in self._data.items() if name != system})

    def secrets(self) -> Iterator[str]:
        """Every secret that is known here without asking the keyring, to be blanked wherever text goes out."""
        for name, value in self._environment.items():
            if (
                name.startswith("CRMCTL_")
                and name.rpartition("_")[2].lower() in _SECRET_ENDS
                and value
            ):
                yield value
        for section in self._data.values():
            for name, value in section.items():
                if name not in OPEN and not name.endswith(_FROM) and value:
                    yield str(value)

    def _section(self, system: str) -> Mapping[str, Any]:
        return self._data.get(system) or {}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the file against other threads and processes, so that what each saves stays."""
        from filelock import FileLock, Timeout

        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = FileLock(f"{self.file}.lock", timeout=_WAIT, mode=0o600)
            held.acquire()
        except Timeout:
            raise BusyError(f"another process is changing {self.file}: try again later") from None
        except OSError as error:
            raise CrmError(f"cannot write {self.file}: {error.strerror}") from error
        try:
            yield
        finally:
            held.release()

    @property
    def _data(self) -> dict[str, dict[str, Any]]:
        """What the file holds now; it is read anew when another process has changed it."""
        try:
            descriptor = os.open(self.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(
                f"{self.file}: {error.strerror}; it must be a plain file of your own"
            ) from None
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            if about.st_uid != os.geteuid() or about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(
                    f"{self.file} can be read by others: make it yours alone with `chmod 600`"
                )
            as_of = about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns
            seen, held = self._seen
            if as_of == seen:
                return held
            if any((folder / _WORKSPACE).exists() for folder in self.file.resolve().parents):
                raise ConfigError(
                    f"{self.file} lies in a workspace, where it would be committed: move it elsewhere"
                )
            raw = file.read(_LONGEST)
        try:
            data: Any = yamlio.load(raw.decode(), path=str(self.file)) or {}
        except (CrmError, UnicodeDecodeError):
            # The problem's own words could quote a secret.
            raise ConfigError(
                f"{self.file} is no valid YAML: mend it, or remove it and set it up anew"
            ) from None
        if not isinstance(data, dict) or not all(isinstance(part, dict) for part in data.values()):
            raise ConfigError(
                f"{self.file} must hold a map for each system, such as `slack:` with `token:` in it"
            )
        self._seen = as_of, data
        return data

    def _write(self, data: dict[str, dict[str, Any]]) -> None:
        raw = yamldump.dump_mapping(data).encode()
        descriptor = os.open(self.file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            atomic.replace(descriptor, self.file.name, raw, mode=0o600)
        except OSError as error:
            raise CrmError(f"cannot write {self.file}: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def _from_keyring(self, system: str, name: str) -> str:
        keyring = _keyring()
        if keyring is None:
            return ""
        try:
            return keyring.get_password(SERVICE, f"{system}.{name}") or ""
        except Exception:  # noqa: BLE001  each backend has errors of its own; none of them is ours to show
            return ""

    def _in_keyring(self, system: str, name: str, value: str) -> bool:
        """Keep a secret in the keyring if there is a real one."""
        keyring = _keyring()
        if keyring is None or name in OPEN:
            return False
        try:
            keyring.set_password(SERVICE, f"{system}.{name}", value)
        except Exception:  # noqa: BLE001  as above: then the file takes it
            return False
        return True


_SECRET_ENDS = frozenset({"token", "secret", "password", "key", "assertion", "hook"})


def variable(system: str, name: str) -> str:
    """The environment variable of a setting."""
    return f"CRMCTL_{system}_{name}".upper()


def _file(environment: Mapping[str, str]) -> Path:
    named = environment.get(CREDENTIALS)
    if named:
        return Path(named)
    home = environment.get("XDG_CONFIG_HOME") or str(
        Path(environment.get("HOME") or "~").expanduser() / ".config"
    )
    return Path(home) / "crmctl" / "credentials.yaml"


def _keyring() -> Any:
    """The keyring module if a real backend is there, else None."""
    if os.environ.get("PYTHON_KEYRING_BACKEND", "").endswith(("null.Keyring", "fail.Keyring")):
        return None
    try:
        import keyring
        from keyring.backends import fail, null
    except ImportError:
        return None
    found = keyring.get_keyring()
    return None if isinstance(found, (fail.Keyring, null.Keyring)) else keyring


def _digest(value: str) -> str:
    return sha256(value.encode()).hexdigest()[:16]
