"""Find installed plugins by entry point, and load those whose scheme a destination names.

One that is broken is one line in ``trackhub plugins``; it harms nobody else.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points

import msgspec
import pluggy
from pydantic import ValidationError

from trackhub.backend import BackendSpec, Destination, Options
from trackhub.errors import PluginError, PluginMissing, SettingsError
from trackhub.hookspec import HOOKSPEC_VERSION, PREFIX, PROJECT, HubSpec
from trackhub.plugins.lanehooks import LaneHooks, hook_trouble

GROUP = "trackhub"


class PluginEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one installed plugin, loaded or not."""

    name: str
    distribution: str
    version: str
    schemes: tuple[str, ...] = ()
    transports: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    hookspec: str = ""
    summary: str = ""
    error: str | None = None


class PluginSet:
    """Load plugins by the schemes that destinations name, each on its own."""

    def __init__(self, found: Iterable[EntryPoint] | None = None) -> None:
        self._entry_points = list(entry_points(group=GROUP) if found is None else found)
        self._observers = pluggy.PluginManager(PROJECT)
        self._observers.add_hookspecs(HubSpec)
        self._loaded: dict[str, tuple[BackendSpec, ...]] = {}
        self._lock = threading.RLock()  # each lane's thread loads its own plugin

    def spec(self, destination: Destination) -> BackendSpec:
        """Return the spec that serves a destination.

        :raises PluginError: no plugin has the scheme, two have it, or the one that has is broken.
        """
        named = [point for point in self._entry_points if point.name == destination.scheme]
        troubles = []
        offers: list[tuple[BackendSpec, EntryPoint]] = []
        for point in named or self._entry_points:  # an entry point is best named as its scheme; it need not be
            try:
                offers += [(spec, point) for spec in self.load(point) if spec.scheme == destination.scheme]
            except PluginError as error:
                troubles.append(str(error))
        if not offers:
            raise (PluginError if troubles else PluginMissing)(self._missing(destination, troubles))
        if len(offers) > 1:
            both = " and ".join(_source(point) for _, point in offers)
            raise PluginError(f"{destination.shown}: both {both} offer the scheme; uninstall one")
        spec, point = offers[0]
        if destination.transport not in spec.transports:
            forms = ", ".join(_form(spec.scheme, transport) for transport in spec.transports)
            raise SettingsError(f"{destination.shown}: {_source(point)} takes {forms}")
        return spec

    def options(self, destination: Destination) -> Options:
        """Return a destination's options, checked against its backend's model.

        :raises SettingsError: an option is unknown or has a wrong value.
        """
        model = self.spec(destination).options
        try:
            return model(**destination.query)
        except ValidationError as error:
            raise SettingsError(_option_trouble(destination, model, error)) from error

    def open(self, destination: Destination) -> LaneHooks:
        """Return a destination's backend, ready to be called from this thread."""
        spec = self.spec(destination)
        backend = spec.factory(destination, self.options(destination))
        return LaneHooks(backend, destination, spec.limits, f"the plugin for {spec.scheme!r}")

    def load(self, point: EntryPoint) -> tuple[BackendSpec, ...]:
        """Return what one plugin offers.

        :raises PluginError: it cannot be imported, or speaks another hookspec; says what to do.
        """
        with self._lock:
            if point.value not in self._loaded:
                self._loaded[point.value] = self._load(point)
            return self._loaded[point.value]

    def _load(self, point: EntryPoint) -> tuple[BackendSpec, ...]:
        try:
            plugin = point.load()
        except BaseException as error:  # a plugin may do anything while it is imported, even exit
            if isinstance(error, KeyboardInterrupt):
                raise
            raise PluginError(
                f"{_source(point)} cannot be loaded: {type(error).__name__}: {error}; reinstall or uninstall it"
            ) from error
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(HubSpec)
        try:
            manager.register(plugin)
            manager.check_pending()
            specs = tuple(spec for offered in manager.hook.trackhub_backends() for spec in offered)
        except pluggy.PluginValidationError as error:
            raise PluginError(f"{_source(point)}: {hook_trouble(str(error))}") from error
        except Exception as error:  # whatever its own code raises is its own failure
            raise PluginError(f"{_source(point)} failed: {type(error).__name__}: {error}") from error
        for spec in specs:
            _check_hookspec(spec, point)
        self._observers.register(plugin)
        return specs

    def observe(self, hook: str, **arguments: object) -> Iterator[str]:
        """Tell every loaded plugin of something, each guarded; yield what went wrong."""
        for implementation in getattr(self._observers.hook, PREFIX + hook).get_hookimpls():
            try:
                implementation.function(*(arguments[name] for name in implementation.argnames))
            except Exception as error:  # noqa: BLE001  an observer's failure concerns nobody else
                yield f"{implementation.plugin_name}: {hook}: {error}"

    def catalogue(self) -> tuple[PluginEntry, ...]:
        """Return every installed plugin, with what it can, or why it cannot be used."""
        return tuple(entry for point in sorted(self._entry_points) for entry in self._entries(point))

    def _entries(self, point: EntryPoint) -> Iterator[PluginEntry]:
        known = PluginEntry(
            name=point.name,
            distribution=point.dist.name if point.dist else point.module,
            version=point.dist.version if point.dist else "",
        )
        try:
            specs = self.load(point)
        except PluginError as error:
            yield msgspec.structs.replace(known, error=str(error))
            return
        for spec in specs:
            yield msgspec.structs.replace(
                known,
                schemes=(spec.scheme,),
                transports=tuple(_form(spec.scheme, transport) for transport in spec.transports),
                capabilities=spec.capabilities,
                hookspec=".".join(map(str, spec.hookspec)),
                summary=spec.summary,
            )

    def _missing(self, destination: Destination, troubles: list[str]) -> str:
        if troubles:
            return f"{destination.shown}: " + "; ".join(troubles)
        schemes = sorted({point.name for point in self._entry_points})
        near = difflib.get_close_matches(destination.scheme, schemes, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return (
            f"{destination.shown}: no plugin for {destination.scheme!r} is installed; {hint}"
            f"pip install trackhub-{destination.scheme} if there is one, or see `trackhub plugins` (installed: "
            f"{', '.join(schemes) or 'none'})"
        )


def catalogue() -> tuple[PluginEntry, ...]:
    """Return every installed plugin, with what it can, or why it cannot be used."""
    return PluginSet().catalogue()


def _source(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else f"plugin {point.name!r} ({point.value})"


def _form(scheme: str, transport: str | None) -> str:
    return f"{scheme}+{transport}" if transport else scheme


def _check_hookspec(spec: BackendSpec, point: EntryPoint) -> None:
    ours = ".".join(map(str, HOOKSPEC_VERSION))
    theirs = ".".join(map(str, spec.hookspec))
    if spec.hookspec[0] > HOOKSPEC_VERSION[0] or (
        spec.hookspec[:1] == HOOKSPEC_VERSION[:1] and spec.hookspec > HOOKSPEC_VERSION
    ):
        raise PluginError(f"{_source(point)} needs hookspec {theirs}, this trackhub has {ours}: upgrade trackhub-core")
    if spec.hookspec[0] < HOOKSPEC_VERSION[0]:
        raise PluginError(f"{_source(point)} speaks hookspec {theirs}, this trackhub {ours}: upgrade the plugin")


def _option_trouble(destination: Destination, model: type[Options], error: ValidationError) -> str:
    parts = []
    for detail in error.errors():
        name = ".".join(map(str, detail["loc"]))
        if detail["type"] == "extra_forbidden":
            near = difflib.get_close_matches(name, model.model_fields, n=1)
            known = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(model.model_fields) or 'none'}"
            parts.append(f"unknown option {name!r}; {known}")
        else:
            parts.append(f"option {name!r}: {detail['msg']}")
    return f"{destination.shown}: " + "; ".join(parts)
