"""Plant secrets of every shape in everything that is logged; none may survive, and all are counted.

The secrets are put together here, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import json

import pytest

from trackhub.redact import REDACTED, Redactor

HEX = "0123456789abcdef"
MIXED = "aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vW"
PLAIN = "hunter" + "2x"
WORDS = "correct horse" + " battery"

SHAPES = {
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "aws session": "ASIA" + "IOSFODNN7EXAMPLE",
    "github": "ghp" + "_" + MIXED + "1234",
    "github oauth": "gho" + "_" + MIXED + "1234",
    "github app": "ghs" + "_" + MIXED + "1234",
    "github fine": "github" + "_pat_" + MIXED[:22] + "_" + MIXED + MIXED[:27],
    "gitlab": "glpat" + "-" + MIXED[:20],
    "hugging face": "hf" + "_" + MIXED + "ab",
    "openai": "sk" + "-" + MIXED + MIXED[:16],
    "openai project": "sk" + "-proj-" + MIXED + "_" + MIXED,
    "anthropic": "sk" + "-ant-api03-" + MIXED + "-" + MIXED,
    "slack bot": "xox" + "b-123456789012-123456789012-" + MIXED[:24],
    "slack user": "xox" + "p-123456789012-" + MIXED[:24],
    "slack app": "xapp" + "-1-A012345678-123456-" + HEX,
    "slack hook": "https://hooks.slack.com/services/" + "T01234567/B01234567/" + MIXED[:24],
    "discord hook": "https://discord.com/api/webhooks/" + "123456789012345678/" + MIXED,
    "google": "AI" + "za" + MIXED + "abc",
    "google oauth": "ya29" + "." + MIXED,
    "stripe": "sk" + "_live_" + MIXED[:24],
    "stripe test": "rk" + "_test_" + MIXED[:24],
    "jwt": "ey" + "JhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + MIXED,
    "neptune": "ey" + "JhcGlfYWRkcmVzcyI6Imh0dHBzOi8vYXBwLm5lcHR1bmUuYWkifQ" + "==",
    "npm": "npm" + "_" + MIXED + "abcd",
    "pypi": "pypi" + "-AgEIcHlwaS5vcmc" + MIXED + MIXED,
    "sendgrid": "SG" + "." + MIXED[:22] + "." + MIXED,
    "databricks": "dapi" + HEX + HEX,
    "telegram": "123456789" + ":AA" + MIXED + "x",
    "groq": "gsk" + "_" + MIXED,
    "replicate": "r8" + "_" + MIXED,
    "vault": "hvs" + "." + MIXED,
    "digital ocean": "dop" + "_v1_" + HEX * 4,
    "wandb": "wandb" + "_v1_" + MIXED,
    "age": "AGE-SECRET-" + "KEY-1" + MIXED.upper(),
}
"""What a secret looks like when no name warns of it."""

PEM_BODY = (MIXED + MIXED + "\n") * 3
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + PEM_BODY + "-----END RSA " + "PRIVATE KEY-----"

KEYS = (
    *("password", "db_password", "DB.Password", "userPassword", "PGPASSWORD", "password_prod", "password2", "passwd"),
    *(
        "passphrase",
        "secret",
        "client_secret",
        "clientSecret",
        "webhook.secret",
        "secret_value",
        "AWS_SECRET_ACCESS_KEY",
    ),
    *(
        "api_key",
        "apikey",
        "apiKey",
        "APIKey",
        "X-API-Key",
        "OPENAI_API_KEY",
        "openai_key",
        "wandb_key",
        "WANDB_API_KEY",
    ),
    *("secret_key", "private_key", "ssh_private_key", "encryption_key", "signing_key", "account_key", "storage-key"),
    *(
        "token",
        "hf_token",
        "HF_TOKEN",
        "access_token",
        "accessToken",
        "refresh_token",
        "id_token",
        "github_pat",
        "authToken",
    ),
    *("auth", "basic_auth", "proxy.auth", "authorization", "credentials", "credentials.user", "aws.credentials.text"),
    *("db_pass", "smtp_pass", "mysql_pwd", "cookie", "jwt", "bearer_token", "token_for_github", "api_keys.openai"),
)
"""Names that warn of a secret that looks like nothing."""

TEXTS = {
    "dotenv": "+export DB_PASSWORD={}\n",
    "dotenv token": "+HF_TOKEN={}\n",
    "yaml": "+  password: {}\n+  port: 5432\n",
    "yaml key": "+  api_key: {}\n",
    "yaml quoted": '+  token: "{}"\n',
    "ini": "-password = {}\n",
    "toml": '+secret = "{}"\n',
    "json": '+  "apiKey": "{}",\n',
    "escaped json": 'body=\'{{\\"password\\": \\"{}\\"}}\'',
    "python": '+    client = connect(user="me", password="{}", port=5)\n',
    "annotated": '+    password: str = "{}"\n',
    "bytes": "+secret_key = b'{}'\n",
    "comparison": '+if password == "{}":\n',
    "environ": '+os.environ["WANDB_API_KEY"] = "{}"\n',
    "setdefault": '+os.environ.setdefault("NEPTUNE_API_TOKEN", "{}")\n',
    "repr": "Config(user='me', api_key='{}', retries=3)",
    "dict": "KeyError: {{'user': 'me', 'password': '{}'}}",
    "go": 'password := "{}"',
    "ruby": ":password => '{}'",
    "query": "requests.exceptions.HTTPError: 401 for url: https://h/v1?api_key={}&limit=5",
    "query token": "https://h/v1?limit=5&token={}",
    "signed": "https://h.blob.core.windows.net/c/b?sv=2022&sig={}&se=2030",
    "presigned": "https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature={}",
    "odbc": "Server=h;Database=d;User Id=me;Password={};Encrypt=yes",
    "azure": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={};EndpointSuffix=x",
    "userinfo": "sqlalchemy.exc.OperationalError: postgresql://me:{}@db:5432/runs",
    "only a token": "https://{}@github.com/team/repo.git",
    "password only": "redis://:{}@cache:6379/0",
    "bearer": 'headers = {{"Authorization": "Bearer {}"}}',
    "basic": "> Authorization: Basic {}",
    "header": "X-Api-Key: {}",
    "cookie": "Cookie: lang=en; session={}",
    "netrc": "machine api.wandb.ai\n  login user\n  password {}\n",
    "shell": "python train.py --password {} --epochs 3",
    "shell equals": "python train.py --api-key={} --epochs 3",
}
"""Texts that say a secret in the way of their kind."""


def assert_gone(secret, redacted, redactor):
    """Check that a secret, and any long part of it, is nowhere in what was kept."""
    kept = json.dumps(redacted, ensure_ascii=False)
    core = secret.rpartition("://")[2].rpartition("services/")[2]
    assert core not in kept
    assert core[-12:] not in kept or len(core) < 12
    assert REDACTED in kept
    assert redactor.hits.total() >= 1


@pytest.mark.parametrize("secret", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    "plant",
    [
        lambda redactor, secret: redactor.params({"note": secret}),
        lambda redactor, secret: redactor.params({"cfg": {"items": ["x", {"deep": [secret]}]}}),
        lambda redactor, secret: redactor.tags({"note": f"made with {secret}, today"}),
        lambda redactor, secret: redactor.argv(["train.py", "--note", secret, f"x={secret}"]),
        lambda redactor, secret: redactor.text(f"@@ -1 +1 @@\n+x = '{secret}'\n context\n", "git.diff"),
        lambda redactor, secret: redactor.text(f'  File "x.py", line 3\n    f({secret})\nValueError: {secret}'),
        lambda redactor, secret: redactor.value("config", {"git": {"remotes": [secret, secret]}}),
    ],
    ids=["param", "nested", "tag", "argv", "diff", "traceback", "mapping"],
)
def test_a_secret_is_known_by_its_shape(secret, plant):
    """A secret with a shape of its own is taken out wherever it stands, and counted."""
    redactor = Redactor()
    assert_gone(secret, plant(redactor, secret), redactor)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("secret", [PLAIN, WORDS, HEX + HEX + HEX[:8]], ids=["word", "sentence", "hex"])
def test_a_secret_is_known_by_its_key(key, secret):
    """Under the name of a secret, any text is taken out: as a param, a tag, or deep in a mapping."""
    redactor = Redactor()
    assert redactor.params({key: secret}) == {key: REDACTED}
    assert redactor.tags({key: secret}) == {key: REDACTED}
    assert redactor.params({"a": {key: [secret]}}) == {"a": {key: [REDACTED]}}
    assert redactor.hits == {key: 2, f"a.{key}": 1}


@pytest.mark.parametrize("form", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("secret", [PLAIN, HEX + HEX + HEX[:8], MIXED], ids=["word", "hex", "mixed"])
def test_a_secret_is_known_by_what_a_text_assigns_it_to(form, secret):
    """A text that assigns a secret to its name keeps the name and loses the secret."""
    redactor = Redactor()
    assert_gone(secret, redactor.text(form.format(secret)), redactor)


@pytest.mark.parametrize(
    "argv",
    [
        ["--password", PLAIN],
        [f"--password={PLAIN}"],
        ["--password", "-" + PLAIN],
        ["-password", PLAIN],
        ["--db.password", PLAIN],
        ["--api-key", PLAIN],
        [f"--apiKey={PLAIN}"],
        ["--hf_token", PLAIN],
        [f"--token={PLAIN}"],
        [f"logger.wandb.api_key={PLAIN}"],
        [f"+trainer.secret={PLAIN}"],
        [f"WANDB_API_KEY={PLAIN}"],
        ["-u", f"me:{PLAIN}"],
        ["--user", f"me:{PLAIN}"],
        ["-H", f"Authorization: Basic {PLAIN}"],
        ["-H", f"X-Api-Key: {PLAIN}"],
        ["--to", f"mlflow+https://me:{PLAIN}@host/x"],
        ["--config", f'{{"password": "{PLAIN}"}}'],
        ["-c", f"import x; x.login(password='{PLAIN}')"],
        ["--dsn", f"Server=h;Password={PLAIN}"],
    ],
    ids=lambda argv: argv[0][:30],
)
def test_a_secret_is_taken_out_of_a_command_line(argv):
    """A secret after a flag, behind an equals sign, or inside an argument is taken out; the flag stays."""
    redactor = Redactor()
    redacted = redactor.argv(["train.py", *argv, "--epochs", "3"])
    assert PLAIN not in " ".join(redacted)
    assert (redacted[0], redacted[-2:], len(redacted)) == ("train.py", ["--epochs", "3"], len(argv) + 3)
    assert redactor.hits == {"argv": 1}


@pytest.mark.parametrize(
    "text",
    [
        PEM,
        PEM.replace("\n", "\\n"),
        "\n".join(f"+{line}" for line in PEM.splitlines()),
        "\n".join(f"-{line}" for line in PEM.splitlines()[:-1]),
        PEM.replace("RSA ", "OPENSSH "),
        PEM.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"),
    ],
    ids=["plain", "escaped", "diff", "cut off", "openssh", "pgp"],
)
def test_a_private_key_is_taken_out_whole(text):
    """A private key goes, with its last line or without; what stands around it stays."""
    redacted = Redactor().text(f"before\n{text}\nafter")
    assert MIXED not in redacted
    assert redacted.startswith("before\n")
    assert redacted.endswith("\nafter")


@pytest.mark.parametrize(
    ("remote", "kept"),
    [
        (f"https://me:{PLAIN}@github.com/t/r.git", f"https://{REDACTED}@github.com/t/r.git"),
        (f"https://{PLAIN}@github.com/t/r.git", f"https://{REDACTED}@github.com/t/r.git"),
        (f"https://x-access-token:{PLAIN}@github.com/t/r", f"https://{REDACTED}@github.com/t/r"),
        (f"https://me:p@{PLAIN}@github.com/t/r", f"https://{REDACTED}@github.com/t/r"),
        (f"mlflow+https://me:{PLAIN}@h:5000/x?a=1", f"mlflow+https://{REDACTED}@h:5000/x?a=1"),
    ],
)
def test_a_url_keeps_all_but_its_user(remote, kept):
    """A URL loses its user-info and keeps host, port, path, and query."""
    assert Redactor().text(remote) == kept


@pytest.mark.parametrize("value", ["me/secret@host:1521/x", "User=me;Key2=abc;"])
def test_a_connection_string_that_hides_its_password_goes_whole(value):
    """A connection string of an unknown kind is taken out whole, rather than guessed at."""
    assert Redactor().params({"db.connection_string": value}) == {"db.connection_string": REDACTED}


def test_numbers_under_the_name_of_a_password_are_secret():
    """A number can be a password; a flag, a fraction, and a missing one cannot."""
    params = {"password": 1234, "secret": True, "api_key": None, "client_secret": 0.5}
    assert Redactor().params(params) == params | {"password": REDACTED}
