"""Test which source of a setting wins, and what a mistake in one says."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from trackhub.errors import SettingsError
from trackhub.settings import Settings, origins, resolve
from trackhub.settings.model import SETTINGS


def write(path, text):
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_hold_where_nothing_is_said(project):
    """Without any source, settings are the defaults, with the store in the current folder."""
    assert resolve() == Settings(store=project / ".trackhub")
    assert set(origins().values()) == {"default"}


def test_the_stronger_source_wins(project, monkeypatch):
    """Argument, environment, trackhub.toml, pyproject.toml, user file, default: each beats those after it."""
    seen = [(resolve().project, origins()["project"])]
    user = write(Path.home() / ".config/trackhub/config.toml", "project = 'user'")
    seen.append((resolve().project, origins()["project"]))
    pyproject = write(project / "pyproject.toml", "[tool.trackhub]\nproject = 'pyproject'")
    seen.append((resolve().project, origins()["project"]))
    toml = write(project / "trackhub.toml", "project = 'toml'")
    seen.append((resolve().project, origins()["project"]))
    monkeypatch.setenv("TRACKHUB_PROJECT", "environment")
    seen.append((resolve().project, origins()["project"]))
    seen.append((resolve(project="argument").project, origins(project="argument")["project"]))
    assert seen == [
        (None, "default"),
        ("user", str(user)),
        ("pyproject", f"{pyproject} [tool.trackhub]"),
        ("toml", str(toml)),
        ("environment", "TRACKHUB_PROJECT"),
        ("argument", "argument"),
    ]


def test_none_is_not_given(monkeypatch):
    """An argument that is None leaves the setting to the next source; an empty list does not."""
    monkeypatch.setenv("TRACKHUB_TO", "local:///x")
    assert resolve(to=None).to == ("local:///x",)
    assert resolve(to=[]).to == ()


def test_the_nearest_file_counts_alone(project):
    """Only the nearest trackhub.toml is read, from the current folder upwards."""
    write(project.parent.parent / "trackhub.toml", "project = 'far'\nmode = 'offline'")
    write(project.parent / "trackhub.toml", "project = 'near'")
    settings = resolve()
    assert (settings.project, settings.mode) == ("near", "online")


def test_a_pyproject_without_our_table_is_passed_over(project):
    """A pyproject.toml that says nothing of trackhub is passed over, broken or not, for the next one upwards."""
    write(project / "pyproject.toml", "{{ cookiecutter }}")
    write(project.parent / "pyproject.toml", "[project]\ndependencies = ['trackhub-core']")
    write(project.parent.parent / "pyproject.toml", "[tool.trackhub]\nproject = 'workspace'")
    assert resolve().project == "workspace"


def test_xdg_config_home_moves_the_user_file(tmp_path, monkeypatch):
    """The user file is looked for where XDG_CONFIG_HOME says."""
    write(tmp_path / "xdg/trackhub/config.toml", "project = 'xdg'")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert resolve().project == "xdg"


def test_a_file_may_use_top_level_keys_and_a_table(project):
    """In trackhub.toml both top-level keys and a [trackhub] table are understood."""
    write(
        project / "trackhub.toml",
        "to = ['prod']\n[trackhub]\nmode = 'offline'\n[trackhub.destinations]\nprod = 'mlflow+https://h'",
    )
    settings = resolve()
    assert settings.mode == "offline"
    assert settings.resolve_destinations() == (("prod", "mlflow+https://h"),)


def test_a_thing_said_twice_in_a_file_is_an_error(project):
    """The same key at the top and under [trackhub] is an error, not a guess."""
    path = write(project / "trackhub.toml", "mode = 'online'\n[trackhub]\nmode = 'offline'")
    with pytest.raises(SettingsError, match=rf"{path}: 'mode' is said twice"):
        resolve()


def test_named_destinations_of_all_sources_come_together(project, monkeypatch):
    """Each name is looked up in every source, the strongest first."""
    write(
        Path.home() / ".config/trackhub/config.toml",
        "[destinations]\nlab = 'wandb://me/lab'\nprod = 'mlflow+http://mine'",
    )
    toml = write(project / "trackhub.toml", "[trackhub.destinations]\nprod = 'mlflow+http://team'")
    monkeypatch.setenv("TRACKHUB_DESTINATIONS", "disk=local:///x")
    assert resolve(destinations={"arg": "local:///y"}).destinations == {
        "lab": "wandb://me/lab",
        "prod": "mlflow+http://team",
        "disk": "local:///x",
        "arg": "local:///y",
    }
    assert origins()["destinations.prod"] == str(toml)
    assert origins()["destinations.disk"] == "TRACKHUB_DESTINATIONS"


def test_a_relative_store_belongs_to_where_it_is_said(project, monkeypatch):
    """A relative store is relative to its file, else to the current folder; ~ is the home."""
    write(project.parent / "trackhub.toml", "store = 'runs'")
    assert resolve().store == project.parent / "runs"
    monkeypatch.setenv("TRACKHUB_STORE", "there")
    assert resolve().store == project / "there"
    assert resolve(store=Path("here")).store == project / "here"
    assert resolve(store="~/mine").store == Path.home() / "mine"
    assert resolve(store="/abs").store == Path("/abs")


def test_variables_become_typed_values(monkeypatch):
    """Every setting has a variable, and its text becomes the setting's type."""
    variables = {
        "TRACKHUB_TO": "prod,local:///x?a=1,2",
        "TRACKHUB_DESTINATIONS": "prod=mlflow+http://h",
        "TRACKHUB_CAPTURE": "false",
        "TRACKHUB_LINGER_S": "1.5",
        "TRACKHUB_REDACT": "*_pin, code",
        "TRACKHUB_RUN_ID": "0190163d8694739ba9ea95d9ea16b3f1",
        "TRACKHUB_ON_ERROR": "warn",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = resolve()
    assert settings.to == ("prod", "local:///x?a=1,2")
    assert (settings.capture, settings.linger_s, settings.redact) == (False, 1.5, ("*_pin", "code"))
    assert (settings.run_id, settings.on_error) == ("0190163d8694739ba9ea95d9ea16b3f1", "warn")


def test_an_empty_variable_empties_a_list_and_is_else_not_set(project, monkeypatch):
    """TRACKHUB_TO= makes a run offline whatever the files say; TRACKHUB_MODE= says nothing."""
    write(project / "trackhub.toml", "to = ['local:///x']\nmode = 'offline'")
    monkeypatch.setenv("TRACKHUB_TO", "")
    monkeypatch.setenv("TRACKHUB_MODE", "")
    settings = resolve()
    assert (settings.to, settings.mode) == ((), "offline")


@pytest.mark.parametrize(
    "variable",
    [
        "TRACKHUB_CACHE",
        "TRACKHUB_SERVICE_HOST",
        "TRACKHUB_PORT",
        "TRACKHUB_PORT_80_TCP",
        "TRACKHUB_UI_SERVICE_PORT_WEB",
    ],
)
def test_variables_that_are_no_settings_are_left_alone(variable, monkeypatch):
    """TRACKHUB_CACHE is no setting, and Kubernetes adds variables for a service named trackhub."""
    monkeypatch.setenv(variable, "tcp://10.0.0.1:80")
    assert resolve() == resolve()


def test_an_unknown_variable_names_the_nearest(monkeypatch):
    """A mistyped variable is an error that offers the nearest known one."""
    monkeypatch.setenv("TRACKHUB_STOER", "x")
    with pytest.raises(SettingsError, match=r"TRACKHUB_STOER: .* did you mean 'TRACKHUB_STORE'\?"):
        resolve()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("trackhub.toml", "projet = 'x'"),
        ("trackhub.toml", "[trackhub]\nprojet = 'x'"),
        ("pyproject.toml", "[tool.trackhub]\nprojet = 'x'"),
    ],
)
def test_an_unknown_key_names_the_file_and_the_nearest(file, text, project):
    """A mistyped key is an error that names its file and the nearest known key, even if an argument is stronger."""
    path = write(project / file, text)
    with pytest.raises(SettingsError) as caught:
        resolve(project="digits")
    assert str(path) in str(caught.value)
    assert "'projet'; did you mean 'project'?" in str(caught.value)


def test_an_unknown_argument_names_the_nearest():
    """A mistyped argument is an error that offers the nearest known one."""
    with pytest.raises(SettingsError, match=r"argument: .* did you mean 'mode'\?"):
        resolve(mod="offline")


@pytest.mark.parametrize("file", ["trackhub.toml", "pyproject.toml"])
def test_broken_toml_names_the_file_and_the_line(file, project):
    """A file that is no TOML is an error that names it and the line."""
    path = write(project / file, "# trackhub\n[tool]\nmode = = 'x'\n")
    with pytest.raises(SettingsError, match=rf"{path}: not TOML: .*line 3"):
        resolve()


def test_a_file_that_is_not_utf8_names_itself(project):
    """A file in another encoding is an error that names it."""
    (project / "trackhub.toml").write_bytes(b"project = '\xff'")
    with pytest.raises(SettingsError, match=r"trackhub\.toml: not TOML"):
        resolve()


def test_a_byte_order_mark_is_no_mistake(project):
    """A file saved by an editor that adds a byte order mark is read."""
    (project / "trackhub.toml").write_bytes(b"\xef\xbb\xbfproject = 'marked'")
    assert resolve().project == "marked"


def test_a_file_cannot_name_a_run(project):
    """A run id in a file would make every run the same one."""
    write(project / "trackhub.toml", "run_id = '0190163d8694739ba9ea95d9ea16b3f1'")
    with pytest.raises(SettingsError, match="TRACKHUB_RUN_ID"):
        resolve()


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("mode", "onlin", "'online', 'offline' or 'disabled'"),
        ("linger_s", "soon", "number"),
        ("linger_s", "-1", "greater than or equal to 0"),
        ("finish_timeout_s", "inf", "finite"),
        ("capture", "perhaps", "boolean"),
    ],
)
def test_a_value_that_cannot_be_names_its_source(key, value, says, monkeypatch):
    """A value of the wrong kind is an error that names the variable, the setting, the value, and what it may be."""
    variable = f"TRACKHUB_{key.upper()}"
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        resolve()
    message = str(caught.value)
    assert message.startswith(f"{variable}: {key} = {value!r}: ")
    assert says in message


def test_every_mistake_is_named_at_its_own_source(project, monkeypatch):
    """Two wrong values in two places are two lines."""
    path = write(project / "trackhub.toml", "delivery = 'pigeon'")
    monkeypatch.setenv("TRACKHUB_MODE", "x")
    with pytest.raises(SettingsError) as caught:
        resolve()
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["TRACKHUB_MODE", str(path)]


@pytest.mark.parametrize(
    "text",
    [
        "to = 5",
        "to = [5, 'mlflow+http://me:hunter2@h']",
        "[destinations]\nprod = 5",
        "[destinations]\nprod = '//me:hunter2@h'",
        "destinations = '//me:hunter2@h'",
        "destinations = ['mlflow+http://me:hunter2@h']",
    ],
)
def test_a_wrong_destination_is_an_error_without_its_credentials(text, project):
    """A destination that cannot be is an error that names the file and shows no password."""
    path = write(project / "trackhub.toml", text)
    with pytest.raises(SettingsError) as caught:
        resolve()
    assert str(path) in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_folder_that_was_removed_is_survived(project, monkeypatch):
    """A current folder that is gone leaves settings to the other sources."""
    project.rmdir()
    monkeypatch.setenv("TRACKHUB_STORE", "/abs")
    assert resolve().store == Path("/abs")


def test_settings_cannot_be_changed():
    """Settings are a value: nothing can set a field later."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().mode = "offline"


def test_every_setting_is_described():
    """Each field says in a few words what it is, for the docs and `trackhub doctor`."""
    assert all(setting.description for setting in SETTINGS.values())


def test_importing_settings_reads_no_parser():
    """TOML and difflib are not imported until there is need, and what validates is not at all."""
    code = (
        "import sys, trackhub.settings as s; s.resolve();"
        "print(sorted({'tomllib', 'difflib', 'pydantic', 'msgspec', 'trackhub.model'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
