"""Find installed plugins by entry point, and load those whose scheme a destination names.

One that is broken is one line in ``trackhub plugins``; it harms nobody else.
"""

from __future__ import annotations

import difflib
import functools
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
import pluggy

from trackhub.backend import BackendSpec, Destination
from trackhub.errors import PluginError, PluginMissing, SettingsError
from trackhub.hookspec import HOOKSPEC_VERSION, PREFIX, PROJECT, HubSpec
from trackhub.plugins.entrypoints import EntryPoint, everywhere, imported, in_folders
from trackhub.plugins.lanehooks import LaneHooks, hook_trouble

if TYPE_CHECKING:
    from trackhub.backend import Options

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
    """Load plugins by the schemes that destinations name, each on its own.

    :param found: the plugins; all that are installed, unless said.
    """

    def __init__(self, found: Iterable[EntryPoint] | None = None) -> None:
        self._given = None if found is None else tuple(found)
        self._observers = pluggy.PluginManager(PROJECT)
        self._observers.add_hookspecs(HubSpec)
        self._loaded: dict[str, tuple[BackendSpec, ...]] = {}
        self._lock = threading.RLock()  # each lane's thread loads its own plugin

    def spec(self, destination: Destination) -> BackendSpec:
        """Return the spec that serves a destination.

        :raises PluginError: no plugin has the scheme, two have it, or the one that has is broken.
        """
        troubles = []
        offers: list[tuple[BackendSpec, EntryPoint]] = []
        for point in self._candidates(destination.scheme):
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

    def _candidates(self, scheme: str) -> Sequence[EntryPoint]:
        """Return the entry points that are named as a scheme; all, if none is: it need not be."""
        near = [point for point in self._near if point.name == scheme]
        return near or [point for point in self._all if point.name == scheme] or self._all

    @functools.cached_property
    def _near(self) -> Sequence[EntryPoint]:
        return tuple(in_folders(sys.path, GROUP)) if self._given is None else self._given

    @functools.cached_property
    def _all(self) -> Sequence[EntryPoint]:
        return everywhere(GROUP) if self._given is None else self._given

    def check(self, destination: Destination) -> None:
        """Check a destination's form, and its options where its URL or its plugin brings them here.

        :raises SettingsError: the plugin does not take the form, or an option cannot be.
        :raises PluginError: as :meth:`spec` does.
        """
        spec = self.spec(destination)
        if destination.query or not isinstance(spec.options, str):
            self.options(destination)

    def placed(self, destination: Destination) -> Destination:
        """Return a destination whose URL means the same from every folder.

        What is known of a delivery is kept by the URL; and the process that delivers may be anywhere.

        :raises PluginError: as :meth:`spec` does.
        """
        spec = self.spec(destination)
        if spec.locate is None:
            return destination
        try:
            rest = spec.locate(destination)
        except Exception as error:  # whatever its own code raises is its own failure
            if isinstance(error, SettingsError):
                raise
            raise PluginError(f"the plugin for {spec.scheme!r}: locate: {type(error).__name__}: {error}") from error
        # A folder whose own name holds a question mark cannot be said in a URL as it is.
        return destination if "?" in rest else destination.at(rest)

    def options(self, destination: Destination) -> Options:
        """Return a destination's options, checked against its backend's model.

        :raises SettingsError: an option is unknown or has a wrong value.
        """
        from trackhub.settings.options import read_options  # noqa: PLC0415  it brings pydantic

        spec = self.spec(destination)
        try:
            return read_options(_options_model(spec), destination.query)
        except SettingsError as error:
            raise SettingsError(f"{destination.shown}: {error}") from error.__cause__

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
        return tuple(entry for point in sorted(self._all, key=_order) for entry in self._entries(point))

    def _entries(self, point: EntryPoint) -> Iterator[PluginEntry]:
        known = PluginEntry(
            name=point.name,
            distribution=point.dist.name if point.dist else point.value.partition(":")[0],
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
        schemes = sorted({point.name for point in self._all})
        near = difflib.get_close_matches(destination.scheme, schemes, n=1)
        hint = "see `trackhub plugins`"
        if near:  # no advice to install what is only a slip of the pen
            hint = f"did you mean {near[0]!r}?"
        elif destination.scheme in {"http", "https"}:
            hint = f"say whose server it is, such as mlflow+{destination.shown}"
        return (
            f"{destination.shown}: no plugin for {destination.scheme!r} is installed; {hint} (installed: "
            f"{', '.join(schemes) or 'none'})"
        )


def catalogue() -> tuple[PluginEntry, ...]:
    """Return every installed plugin, with what it can, or why it cannot be used."""
    return PluginSet().catalogue()


def _order(point: EntryPoint) -> tuple[str, str]:
    return point.name, point.value


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


def _options_model(spec: BackendSpec) -> type[Options]:
    """Return the class of a spec's options.

    :raises PluginError: the spec names none that could be.
    """
    from trackhub.settings.options import Options  # noqa: PLC0415  it brings pydantic

    model: object = spec.options
    if isinstance(model, str):
        try:
            model = imported(model)
        except (ImportError, AttributeError, ValueError) as error:
            raise PluginError(f"the plugin for {spec.scheme!r}: options={spec.options!r}: {error}") from error
    if not isinstance(model, type) or not issubclass(model, Options):
        raise PluginError(
            f"the plugin for {spec.scheme!r}: {spec.options!r} is no subclass of trackhub.backend.Options"
        )
    return model
