"""Check that what only resembles a secret is kept as it is, to the letter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackhub.redact import REDACTED, Redactor

PARAMS = (
    {"num_tokens": 4096, "n_tokens": "4096", "max_tokens": "512", "max_new_tokens": 64, "tokens": "1,2"}
    | {"tokenizer": "bert-base-uncased", "tokenizer.path": "/data/tok.json", "token_embedding": "learned"}
    | {"pad_token": "<pad>", "pad_token_id": 0, "eos_token": "</s>", "bos_token": "hello", "unk_token": "[UNK]"}
    | {"special_tokens": ["<a>", "<b>"], "stop_tokens": "end", "tokens_per_second": "12.5", "cost_per_token": "0.1"}
    | {"mask_token": "mask", "cls_token": "cls", "image_token": "img", "next_token": "the", "token": "<|im_start|>"}
    | {"additional_special_tokens": "x", "token_dropout": "high", "token_type": "wordpiece", "class_token": "yes"}
    | {"secret_sauce": "mayonnaise", "password_length": 12, "password_policy": "strict", "secret_name": "prod/db"}
    | {
        "key": "value",
        "sort_key": "name",
        "primary_key": "id",
        "keyboard": "qwerty",
        "key_dim": 64,
        "public_key": "abc",
    }
    | {"monkey": "george", "author": "Ada Lovelace", "authority": "ca", "authors": "A, B", "auth": "kerberos"}
    | {"auth_type": "basic", "use_auth": True, "forward_pass": "fast", "num_passes": 3, "low_pass": "butter"}
    | {"compass": "north", "passenger": "Rose", "bypass": "yes", "cookiecutter": "gh:x/y", "pattern": "a*b"}
    | {"api_key": "${oc.env:API_KEY}", "password": "", "db_password": "$DB_PASSWORD", "hf_token": True, "secret": None}
    | {"pwd": "/home/me", "PWD": "C:/work", "lr": 1e-3, "layers": [1, 2, 3], "seed": 42, "name": "résumé 模型"}
    | {"commit": "36fa7d3b5a1c0e9f8d7c6b5a4f3e2d1c0b9a8f7e", "digest": "sha256:" + "ab" * 32, "run": "0" * 32}
    | {"url": "https://example.org/a?x=1&y=2", "s3": "s3://bucket/key/part-0001", "db": "sqlite:///mlflow.db"}
    | {
        "pip": "hf_transfer==0.1.9",
        "model": "sk-learn-random-forest-classifier-v1",
        "task": "task-0123456789abcdefghijklm",
    }
    | {
        "email": "me@example.org",
        "ratio": "3:4",
        "time": "12:30:00",
        "expr": "a == b",
        "note": "the secret is practice",
    }
    | {"package": "pypi-mirror", "npm": "npm_config_cache", "uuid": "0190163d-8694-739b-a9ea-95d9ea16b3f1"}
)

TEXTS = {
    "call": "+    token = next(tokens)\n",
    "index": "+    token = tokens[i]\n",
    "attribute": "+    password = settings.password\n",
    "environment": '+    api_key = os.environ["API_KEY"]\n',
    "getenv": '-    token = os.getenv("HF_TOKEN")\n',
    "keyword": "+    client = Client(api_key=api_key, token=hf_token)\n",
    "annotation": "+def login(user: str, password: str, token: str | None = None) -> bool:\n",
    "pydantic": "+    password: SecretStr\n",
    "f-string": '+    headers = {"Authorization": f"Bearer {token}"}\n',
    "tokens": '+    pad_token="<pad>", eos_token="</s>", max_tokens=4096,\n',
    "list": '+    columns = ["token", "password", "secret"]\n',
    "names": '+    REQUIRED = ("API_KEY", "API_SECRET")\n',
    "shell variable": "+export HF_TOKEN=$HF_TOKEN\n+export WANDB_API_KEY=${WANDB_API_KEY}\n",
    "help": '+    parser.add_argument("--api-key", help="key of the API")\n',
    "usage": "usage: train.py [--password PASSWORD] [--token TOKEN]\n",
    "loop": "+for token in tokens: count[token] += 1\n",
    "none": "+password = None\n+token: null\n+secret = ''\n",
    "port": "http://localhost:5000/#/experiments/1 and http://host:80/@scope/x",
    "scp": "git@github.com:team/digits.git",
    "ssh": "ssh://git@github.com/team/digits.git",
    "email": "Signed-off-by: Ada <ada@example.org>",
    "decorator": "+@app.route('/login')\n+def f(): ...\n",
    "public key": "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "hash": "diff --git a/x b/x\nindex 36fa7d3..a0b1c2d 100644\n",
    "lock": '+    { url = "https://files.pythonhosted.org/x.whl", hash = "sha256:0123456789abcdef0123456789abcdef" },',
    "prose": "Keep the password in a vault; the token expires. Bearer authentication is used.",
    "template": "+password: {{ db_password }}\n+token: <your token>\n+api_key: ***\n",
    "import": "+from tokenizers import Tokenizer, pre_tokenizers\n+import secrets\n",
}


@pytest.mark.parametrize("key", PARAMS)
def test_an_innocent_param_is_kept(key):
    """A param that only sounds like a secret, or holds none, is kept with its type."""
    redactor = Redactor()
    assert redactor.params({key: PARAMS[key]}) == {key: PARAMS[key]}
    assert not redactor.hits


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_an_innocent_text_is_kept(text):
    """A text that only speaks of secrets is kept to the letter, so that a diff still applies."""
    redactor = Redactor()
    assert redactor.text(text) == text
    assert not redactor.hits


@pytest.mark.parametrize(
    "argv",
    [
        ["--max-tokens", "4096", "--tokenizer", "bert", "--pad-token=<pad>"],
        ["--user", "1000:1000", "-u", "ada"],
        ["--auth", "kerberos", "--password", "--verbose"],
        ["--key", "value", "--sort-key=name", "a=b", "x.y=[1,2]"],
        ["--to", "mlflow+http://host:5000,wandb://team/digits"],
        ["-m", "pytest", "-k", "token and not secret", "--token", "${TOKEN}"],
    ],
)
def test_an_innocent_command_line_is_kept(argv):
    """Arguments that hold no secret are kept as they are."""
    redactor = Redactor()
    assert redactor.argv(argv) == argv
    assert not redactor.hits


def test_settings_add_keys():
    """A key that matches one of the user's globs is secret, at any depth and in any case."""
    redactor = Redactor(redact=["*_pin", "internal.*"])
    assert redactor.params({"Card_PIN": 1234, "a": {"b_pin": "x"}, "internal.host": "h", "pin": 1}) == {
        "Card_PIN": REDACTED,
        "a": {"b_pin": REDACTED},
        "internal.host": REDACTED,
        "pin": 1,
    }


def test_settings_allow_keys():
    """A key that the user allows is never redacted: neither by its name, nor by its value, nor by another glob."""
    redactor = Redactor(redact=["*"], allow=["license_key", "*.password"])
    params = {"license_key": "abc", "db.password": "postgres://me:x@h/d"}
    assert redactor.params(params) == params
    assert redactor.argv(["--license-key", "x", "--license_key=abc"])[2] == "--license_key=abc"
    assert Redactor(allow=["license_key"]).params({"api_key": "abc"}) == {"api_key": REDACTED}


WORDS = st.sampled_from(
    [
        *(
            "password",
            "token",
            "api_key",
            "API_KEY",
            "Authorization",
            "Bearer",
            "cookie",
            "login",
            "--",
            "-",
            "=",
            ":",
            " ",
        ),
        *(
            "\n",
            "'",
            '"',
            "\\",
            "://",
            "@",
            "&",
            "?",
            ";",
            ",",
            "hunter2",
            "ghp_",
            "0aB",
            "[redacted]",
            "[",
            "]",
            "{",
            "(",
        ),
        *("-----BEGIN ", "PRIVATE KEY-----", "-----END ", "A" * 20, "sk-", "eyJ", ".", "x"),
    ]
)
TEXT = st.one_of(st.text(), st.lists(WORDS, max_size=24).map("".join))
VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)


@given(st.dictionaries(TEXT, VALUE, max_size=3))
def test_params_redacted_again_stay_as_they_are(params):
    """Whatever is given, redacting never raises, and redacted params are left alone."""
    once = Redactor().params(params)
    again = Redactor()
    assert again.params(once) == once
    assert not again.hits


@given(TEXT)
def test_a_text_redacted_again_stays_as_it_is(text):
    """Whatever is given, redacting never raises, and a redacted text is left alone."""
    once = Redactor().text(text)
    again = Redactor()
    assert again.text(once) == once
    assert not again.hits


@given(st.lists(TEXT))
def test_a_command_line_keeps_its_length(argv):
    """Whatever is given, each argument stays one argument, and a redacted command line is left alone."""
    once = Redactor().argv(argv)
    assert len(once) == len(argv)
    assert Redactor().argv(once) == once
