"""Hold the plugin to its URL forms, its options, and to the clients' versions; no client is imported before a lane."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from neptune_server import NeptuneServer
from neptune_server.serving import api_token
from trackhub_neptune import versions
from trackhub_neptune.address import Address, Token
from trackhub_neptune.backend import recognise
from trackhub_neptune.options import NeptuneOptions
from trackhub_neptune.plugin import open_backend, trackhub_backends

from trackhub.backend import Destination
from trackhub.errors import SettingsError, Unauthorized

DELIVERING = Destination.parse("neptune://team/digits")


@pytest.mark.parametrize(
    "url", ["neptune://team/digits", "neptune://me:secret@team/digits?api=v1", "neptune://team/digits/"]
)
def test_a_url_names_a_project(url: str):
    """Two words after two slashes; user-info is not shown."""
    address = Address.of(Destination.parse(url))
    assert address.name == "team/digits"
    assert "secret" not in address.shown


@pytest.mark.parametrize("url", ["neptune://team", "neptune:///home/ada/.neptune", "neptune://a/b/c", "neptune://"])
def test_a_url_that_names_none_is_refused(url: str):
    """The error shows both forms."""
    with pytest.raises(SettingsError, match=r"neptune://workspace/project.*neptune:PATH"):
        Address.of(Destination.parse(url))


def test_a_path_is_read(tmp_path: Path):
    """One slash or none is a file or a folder; what opens it can only read, and needs no client."""
    (tmp_path / ".neptune").mkdir()
    found = open_backend(Destination.parse(f"neptune:{tmp_path}/.neptune"), NeptuneOptions())
    assert hasattr(found, "trackhub_search_runs")
    assert not hasattr(found, "trackhub_start_run")


def test_the_token_is_read_and_never_shown(monkeypatch: pytest.MonkeyPatch):
    """What cannot be read says which variable to look at, and not what it holds."""
    address = Address.of(DELIVERING, "MY_TOKEN")
    with pytest.raises(Unauthorized, match="MY_TOKEN is not set"):
        Token.of_environment(address)
    monkeypatch.setenv("MY_TOKEN", api_token("http://host:1"))
    assert Token.of_environment(address).url == "http://host:1"
    assert "key" not in repr(Token.of_environment(address))
    for bad in ("secret!", base64.b64encode(b"[1]").decode(), base64.b64encode(json.dumps({}).encode()).decode()):
        monkeypatch.setenv("MY_TOKEN", bad)
        with pytest.raises(Unauthorized, match="MY_TOKEN is no token") as caught:
            Token.of_environment(address)
        assert bad not in str(caught.value)


def test_offering_imports_no_client():
    """A training process that names the scheme pays for none."""
    code = "import sys, trackhub_neptune.plugin as p; list(p.trackhub_backends()); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"neptune", "neptune_scale", "neptune_api", "bravado", "httpx", "pyarrow", "numpy"}


def test_one_package_a_client_imports_it():
    """What a client changes inside is one place's matter; the readers need none."""
    folder = Path(versions.__file__).parent
    for package, allowed in (("neptune", {"v1"}), ("neptune_scale", {"scale"}), ("neptune_api", {"scale"})):
        found = {
            path.relative_to(folder).parts[0]
            for path in folder.rglob("*.py")
            if re.search(rf"^from {package}[. ]|^import {package}\b", path.read_text(), re.MULTILINE)
        }
        assert found == allowed


Versions = Callable[[dict[str, str]], None]


@pytest.fixture
def have(monkeypatch: pytest.MonkeyPatch) -> Versions:
    """Return a function that says which clients are installed, instead of this environment."""

    def have(there: dict[str, str]) -> None:
        monkeypatch.setattr(versions, "_version", there.get)

    return have


SCALE = {"neptune-scale": "0.30.0", "neptune-api": "0.24.0"}


def test_without_a_client_it_says_what_to_install(have: Versions):
    """Each product's extra is named; so is the one that is asked for."""
    have({})
    with pytest.raises(SettingsError, match=r"trackhub-neptune\[v1\].*trackhub-neptune\[scale\]"):
        open_backend(DELIVERING, NeptuneOptions())
    have({"neptune": "1.14.0.post2"})
    with pytest.raises(SettingsError, match=r"Neptune 3.x, pip install 'trackhub-neptune\[scale\]'"):
        open_backend(DELIVERING, NeptuneOptions(api="scale"))
    have(SCALE)
    with pytest.raises(SettingsError, match=r"Neptune 2.x, pip install 'trackhub-neptune\[v1\]'"):
        open_backend(DELIVERING, NeptuneOptions(api="v1"))


@pytest.mark.parametrize(
    "there",
    [
        {"neptune": "1.13.0"},
        {"neptune": "2.0.0"},
        {**SCALE, "neptune-scale": "0.31.0"},
        {**SCALE, "neptune-api": "0.26.0"},
    ],
)
def test_another_version_is_refused(have: Versions, there: dict[str, str]):
    """Inner routes are used, which nobody promises: a client that was not tried is not guessed at."""
    have(there)
    with pytest.raises(SettingsError, match="is installed, and delivery was made for"):
        open_backend(DELIVERING, NeptuneOptions())


@pytest.mark.parametrize(
    "there", [{"neptune": "1.14.0"}, {"neptune": "1.14.0.post2"}, SCALE, {**SCALE, "neptune": "1.14.0"}]
)
def test_known_versions_are_taken(have: Versions, there: dict[str, str]):
    """Either client alone is enough, and both are no trouble."""
    have(there)
    open_backend(DELIVERING, NeptuneOptions()).trackhub_close()


def test_the_server_tells_which_product_it_is(server: NeptuneServer):
    """With both clients there and nothing said, the address in the token is asked."""
    address = Address.of(DELIVERING)
    assert recognise(Token("", server.url), address.shown, 5.0) == server.product


def test_both_clients_in_one_process():
    """They share a script's name, and no module: one process may hold both."""
    code = "import neptune, neptune_scale, trackhub_neptune.v1.service, trackhub_neptune.scale.service"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


@pytest.mark.parametrize("api", ["v1", "scale"])
def test_opening_leaves_the_process_as_it_was(api: str):
    """The 2.x client puts a hook of its own in place when it is imported; it is put back."""
    code = (
        "import sys; from trackhub_neptune.options import NeptuneOptions; "
        "from trackhub_neptune.plugin import open_backend; from trackhub.backend import Destination; "
        f"open_backend(Destination.parse('neptune://a/b'), NeptuneOptions(api='{api}')); "
        "assert sys.excepthook is sys.__excepthook__"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_the_card_names_every_hook():
    """Delivery to both products implements the same hooks."""
    (spec,) = trackhub_backends()
    assert {"start_run", "log_metrics", "read_metrics", "check_connection"} <= set(spec.capabilities)
