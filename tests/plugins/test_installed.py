from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import pytest

from trackhub import PluginError, SettingsError, hookimpl
from trackhub.backend import BackendSpec, Destination, Options, full_path
from trackhub.errors import PluginMissing
from trackhub.model.entities import RunRef
from trackhub.plugins.installed import PluginSet


class GoodBackend:
    def __init__(self, destination, options):
        self.options = options

    @hookimpl
    def trackhub_start_run(self, run):
        return RunRef(id=run.id)


class TypedOptions(Options):
    color: str = "red"
    size: int = 1


@pytest.fixture
def install(monkeypatch):
    """Return a function that makes a plugin module and its entry point."""

    def install(name, offer=None, *, observer=None):
        module = type(sys)(f"fakeplugin_{name}")
        if offer is not None:
            module.trackhub_backends = hookimpl(offer)
        if observer is not None:
            module.trackhub_delivery_failed = hookimpl(observer)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return EntryPoint(name=name, value=module.__name__, group="trackhub")

    return install


def spec(scheme="good", **more):
    return BackendSpec(scheme=scheme, factory=GoodBackend, options=TypedOptions, **more)


def parse(url):
    return Destination.parse(url)


def test_a_destination_opens_its_backend_with_typed_options(install):
    """The scheme picks the plugin, and query parameters become its options."""
    plugins = PluginSet([install("good", lambda: [spec()])])
    calls = plugins.open(parse("good://x?size=3"))
    assert calls.can("start_run")
    assert not calls.can("log_metrics")
    assert plugins.options(parse("good://x?size=3&color=blue")) == TypedOptions(size=3, color="blue")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("good://x?colour=blue", "did you mean 'color'"),
        ("good://x?size=big", "option 'size'"),
        ("good+http://x", "takes good"),
    ],
)
def test_a_wrong_option_or_form_is_an_error(install, url, said):
    """An unknown option names the nearest known one; a transport that is not taken, the forms that are."""
    plugins = PluginSet([install("good", lambda: [spec()])])
    with pytest.raises(SettingsError, match=said):
        plugins.options(parse(url))


def test_options_may_be_named_by_their_place(install, monkeypatch):
    """A spec that says where its options are is checked by them all the same, and given them."""
    place = type(sys)("fakeplugin_options")
    place.TypedOptions = TypedOptions
    monkeypatch.setitem(sys.modules, place.__name__, place)
    offered = BackendSpec(scheme="good", factory=GoodBackend, options="fakeplugin_options:TypedOptions")
    plugins = PluginSet([install("good", lambda: [offered])])
    assert plugins.options(parse("good://x?size=3")) == TypedOptions(size=3)
    assert plugins.open(parse("good://x?size=3")).can("start_run")
    for url, said in (("good://x?siz=3", "did you mean 'size'"), ("good://x?size=big", "option 'size'")):
        with pytest.raises(SettingsError, match=said):
            plugins.check(parse(url))


@pytest.mark.parametrize("options", ["no_such_module:Options", "os.path:Options", "os.path:join", "pathlib:Path", ""])
def test_options_that_are_nowhere_are_the_plugins_fault(install, options):
    """A place without options, or with something else, is said of the plugin; a URL without a query does not ask."""
    offered = BackendSpec(scheme="good", factory=GoodBackend, options=options)
    plugins = PluginSet([install("good", lambda: [offered])])
    plugins.check(parse("good://x"))
    with pytest.raises(PluginError, match=f"the plugin for 'good'.*{options}"):
        plugins.check(parse("good://x?size=3"))


def test_options_given_as_a_class_are_checked_without_a_query(install):
    """An option that a URL must have is missed when the run starts, not when it is delivered."""

    class Needy(Options):
        team: str

    offered = BackendSpec(scheme="good", factory=GoodBackend, options=Needy)
    plugins = PluginSet([install("good", lambda: [offered])])
    with pytest.raises(SettingsError, match=r"good://x: option 'team': Field required"):
        plugins.check(parse("good://x"))


def test_a_backend_without_options_takes_no_query(install):
    """A query parameter is an error where the backend has no options at all."""
    offered = BackendSpec(scheme="good", factory=GoodBackend)
    plugins = PluginSet([install("good", lambda: [offered])])
    plugins.check(parse("good://x"))
    with pytest.raises(SettingsError, match="unknown option 'size'; there are: none"):
        plugins.check(parse("good://x?size=3"))


def test_a_missing_plugin_says_what_was_meant(install):
    """A scheme that nobody has is said with the nearest one that somebody has; nobody is told to install a slip."""
    plugins = PluginSet([install("good", lambda: [spec()])])
    with pytest.raises(PluginMissing, match=r"did you mean 'good'\?") as told:
        plugins.spec(parse("goood://x"))
    assert "pip install" not in str(told.value)
    with pytest.raises(PluginMissing, match=r"say whose server it is, such as mlflow\+http://host:5000"):
        plugins.spec(parse("http://host:5000"))
    with pytest.raises(PluginMissing, match="see `trackhub plugins`"):
        plugins.spec(parse("elsewhere://x"))


def test_a_path_means_the_same_from_every_folder(install, tmp_path, monkeypatch):
    """What follows the scheme is made full where its plugin says that it is a path, and is left alone where not."""
    places = [spec(scheme="place", locate=full_path), spec(scheme="plain")]
    plugins = PluginSet([install("place", lambda: places), install("plain", lambda: places[1:])])
    monkeypatch.chdir(tmp_path)
    placed = plugins.placed(parse("place:runs/../here?a=b"))
    assert (placed.url, placed.rest) == (f"place:{tmp_path}/here?a=b", f"{tmp_path}/here")
    assert plugins.placed(placed) == placed
    assert plugins.placed(parse("place:///runs")).url == "place:///runs"
    assert plugins.placed(parse("plain:runs")).url == "plain:runs"


def test_a_plugin_that_cannot_locate_is_named(install):
    """Its failure is its own."""
    plugins = PluginSet([install("good", lambda: [spec(locate=lambda _: 1 / 0)])])
    with pytest.raises(PluginError, match="the plugin for 'good': locate: ZeroDivisionError"):
        plugins.placed(parse("good://x"))


def test_broken_plugins_harm_nobody_else(install, monkeypatch):
    """Plugins that cannot be imported, exit, or raise are one line each; the good one works."""
    points = [install("good", lambda: [spec()])]
    points.append(EntryPoint(name="absent", value="no_such_module_at_all", group="trackhub"))

    def explode():
        raise RuntimeError("boom")

    points.append(install("raises", explode))
    entries = {entry.name: entry for entry in PluginSet(points).catalogue()}
    assert entries["good"].error is None
    assert entries["good"].schemes == ("good",)
    assert "no_such_module_at_all" in entries["absent"].error
    assert "boom" in entries["raises"].error
    assert PluginSet(points).open(parse("good://x")).can("start_run")


def test_a_plugin_that_exits_while_it_is_imported_is_contained(tmp_path, monkeypatch):
    """sys.exit() at import is a load error like any other."""
    (tmp_path / "exiting_plugin.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint(name="exiting", value="exiting_plugin", group="trackhub")
    with pytest.raises(PluginError, match="SystemExit"):
        PluginSet([point]).open(parse("exiting://x"))


@pytest.mark.parametrize(
    ("version", "said"),
    [((2, 0), "upgrade trackhub-core"), ((1, 99), "upgrade trackhub-core"), ((0, 9), "upgrade the plugin")],
)
def test_another_hookspec_is_refused_with_both_versions(install, version, said):
    """A plugin of another major, or of a newer minor, is refused and says which side to upgrade."""
    plugins = PluginSet([install("good", lambda: [spec(hookspec=version)])])
    with pytest.raises(PluginError, match=said) as error:
        plugins.spec(parse("good://x"))
    assert ".".join(map(str, version)) in str(error.value)


def test_two_plugins_of_one_scheme_are_named_both(install):
    """A conflict names both sides."""
    plugins = PluginSet([install("one", lambda: [spec()]), install("two", lambda: [spec()])])
    with pytest.raises(PluginError, match=r"fakeplugin_one.*fakeplugin_two"):
        plugins.spec(parse("good://x"))


class Typo:
    @hookimpl
    def trackhub_start_run(self, run): ...

    @hookimpl
    def trackhub_log_metric(self, ref, points): ...


class WrongArgument:
    @hookimpl
    def trackhub_start_run(self, run, extra): ...


class WithDefault:
    @hookimpl
    def trackhub_start_run(self, run=None): ...


class KeywordOnly:
    @hookimpl
    def trackhub_start_run(self, *, run): ...


class NoStart:
    @hookimpl
    def trackhub_close(self): ...


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        (Typo, "did you mean 'trackhub_log_metrics'"),
        (WrongArgument, "extra"),
        (WithDefault, "default"),
        (KeywordOnly, "keyword-only"),
        (NoStart, "no trackhub_start_run"),
    ],
)
def test_a_backend_with_a_wrong_hook_says_what_is_wrong(install, backend, said):
    """A typo, a wrong argument, a default or a keyword-only argument is refused when the lane is built."""
    offered = BackendSpec(scheme="wrong", factory=lambda destination, options: backend())
    plugins = PluginSet([install("wrong", lambda: [offered])])
    with pytest.raises(PluginError, match=said):
        plugins.open(parse("wrong://x"))


def test_observers_are_told_each_on_its_own(install):
    """An observer that raises is reported; the others are told all the same."""
    seen = []

    def bad(run_id, destination, error):
        raise ValueError("observer trouble")

    plugins = PluginSet(
        [
            install("good", lambda: [spec()], observer=lambda run_id, error: seen.append((run_id, error))),
            install("bad", lambda: [spec("bad")], observer=bad),
        ]
    )
    plugins.catalogue()
    troubles = list(plugins.observe("delivery_failed", run_id="r", destination="d", error="e"))
    assert seen == [("r", "e")]
    assert len(troubles) == 1
    assert "observer trouble" in troubles[0]
