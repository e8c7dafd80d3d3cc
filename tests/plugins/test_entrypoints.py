"""Hold the entry points that are found in folders against those that Python's own metadata tells of."""

from __future__ import annotations

import sys
import zipfile

import pytest

from trackhub.backend import Destination
from trackhub.plugins.entrypoints import everywhere, imported, in_folders
from trackhub.plugins.installed import PluginSet

PLUGIN = """
from trackhub import hookimpl
from trackhub.backend import BackendSpec

@hookimpl
def trackhub_backends():
    yield BackendSpec(scheme={scheme!r}, factory=object)
"""


def told(points):
    return sorted((point.name, point.value, point.dist.name) for point in points)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that puts a distribution's metadata into a folder, and the folder on the path."""

    def install(metadata, text, *, folder="site"):
        place = tmp_path / folder
        if str(place) not in sys.path:
            monkeypatch.syspath_prepend(place)
        (place / metadata).mkdir(parents=True)
        name, _, version = metadata.rpartition(".")[0].partition("-")
        about = "PKG-INFO" if metadata.endswith(".egg-info") else "METADATA"
        (place / metadata / about).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version or '0'}\n")
        (place / metadata / "entry_points.txt").write_text(text, encoding="utf-8")
        return place

    return install


@pytest.mark.parametrize("group", ["trackhub", "console_scripts", "pytest11", "absent"])
def test_all_that_is_installed_here_is_found(group):
    """In an environment as pip makes it, folders tell all that Python's own metadata does."""
    assert told(in_folders(sys.path, group)) == told(everywhere(group))


def test_what_installers_write_is_read(install):
    """Comments, blank lines, spaces, extras and other groups change nothing; an egg's metadata is read as well."""
    install(
        "one-1.0.dist-info",
        "# made by hand\n[other]\nx = other\n\n[trackhub]\n# here\nfirst=one.plugin\n second = one.plugin : Class \n"
        "third = one.plugin [fast]\n[more]\ny = more\n",
    )
    install("two-2.0-py3.11.egg-info", "[trackhub]\nfourth = two\n")
    install("three.egg-info", "[trackhub]\nfifth = three\n")
    found = {point.name: point for point in in_folders(sys.path, "trackhub")}
    assert {"first", "second", "third", "fourth", "fifth"} <= set(found)
    assert not {"x", "y"} & set(found)
    assert (found["third"].dist.name, found["third"].dist.version) == ("one", "1.0")


def test_of_a_name_the_first_on_the_path_counts(install):
    """A distribution that lies on the path twice is the one that an import would find, however its name is written."""
    install("a_plugin-1.0.dist-info", "[trackhub]\nshadowed = old\n", folder="late")
    install("A.Plugin-2.0.dist-info", "[trackhub]\nshadows = new\n", folder="early")
    names = {point.name for point in in_folders(sys.path, "trackhub")}
    assert "shadows" in names
    assert "shadowed" not in names
    assert names == {point.name for point in everywhere("trackhub")}


def test_what_cannot_be_read_is_passed_over(install, tmp_path, monkeypatch):
    """Files on the path, folders that are not there, and metadata that is no text harm no plugin."""
    place = install("good-1.0.dist-info", "[trackhub]\ngood = good\n")
    (place / "bad-1.0.dist-info").mkdir()
    (place / "bad-1.0.dist-info" / "entry_points.txt").write_bytes(b"[trackhub]\nbad = \xff\n")
    (place / "note.dist-info").write_text("no folder")
    path = [str(tmp_path / "absent"), str(place / "note.dist-info"), str(place)]
    assert [point.name for point in in_folders(path, "trackhub")] == ["good"]


def test_a_plugin_in_a_zip_file_is_found(tmp_path, monkeypatch):
    """What folders do not tell is looked for by Python's own metadata, which knows other ways to install."""
    place = tmp_path / "zipped.zip"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("zipped_plugin.py", PLUGIN.format(scheme="zipped"))
        archive.writestr("zipped-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: zipped\nVersion: 1.0\n")
        archive.writestr("zipped-1.0.dist-info/entry_points.txt", "[trackhub]\nzipped = zipped_plugin\n")
    monkeypatch.syspath_prepend(place)
    assert "zipped" not in {point.name for point in in_folders(sys.path, "trackhub")}
    assert PluginSet().spec(Destination.parse("zipped:x")).scheme == "zipped"


def test_a_plugin_that_is_not_named_as_its_scheme_is_found(install):
    """An entry point is best named as its scheme; it need not be."""
    place = install("odd-1.0.dist-info", "[trackhub]\noddly = odd_plugin\n")
    (place / "odd_plugin.py").write_text(PLUGIN.format(scheme="even"))
    assert PluginSet().spec(Destination.parse("even:x")).scheme == "even"


def test_a_plugin_whose_own_import_fails_says_of_what():
    """The error is the one of the import that failed, not of the name that is therefore missing."""
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        imported("no_such_module.plugin:Thing")
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        imported("os.path:nothing_of_the_kind")
