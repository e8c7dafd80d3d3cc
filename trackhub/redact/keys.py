"""Judge by its name whether a key holds a secret; values are judged elsewhere.

English puts the thing last: a ``github_token`` is a token, a ``token_embedding`` an embedding, a
``password_length`` a length. So the last word decides, after qualifiers such as ``_prod`` or ``_2``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, TypeAlias

Sensitivity: TypeAlias = Literal["none", "token", "auth", "pwd", "strong"]
"""What a key's name promises: ``strong`` is a secret; the others are secrets unless the value says otherwise."""


def vocabulary(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_SECRETS = vocabulary(
    "secret secrets credential credentials creds authorization cookie cookies jwt bearer passcode netrc"
)
_ENDINGS = (
    *("password", "passwords", "passwd", "passphrase", "passwort", "kennwort"),
    *("apikey", "apikeys", "secretkey", "privatekey", "accesskey", "clientsecret"),
    *("apitoken", "authtoken", "accesstoken", "refreshtoken", "bearertoken", "sessiontoken"),
)
_VENDORS = vocabulary(
    "anthropic aws azure bitbucket comet databricks docker gcp gemini git github gitlab google groq hf hub "
    "huggingface kaggle langsmith minio mistral mlflow mongo mongodb mysql neptune npm nvidia ngc openai openrouter "
    "pg pinecone postgres pypi redis replicate s3 sendgrid sentry slack stripe telegram together twilio wandb"
)
_KEY_OF = _VENDORS | vocabulary(
    "access account admin api app application auth client consumer crypto decryption deploy encryption gpg hmac "
    "license master pgp private rsa secret security server service session shared signing ssh ssl storage "
    "subscription tls webhook"
)
_PASS_OF = _VENDORS | vocabulary(
    "account admin auth basic database db email ftp http imap key keystore ldap login mail proxy root sasl smtp ssh "
    "sudo user vault"
)
_TOKENS_OF = _VENDORS | vocabulary("access api app auth bearer bot csrf oauth refresh secret session xsrf")
_NOT_TOKEN_OF = vocabulary(
    "added additional audio avg begin blank bod boi bom bos bot boundary by byte cancellation char class cls "
    "completion context continuation control current decoder doc document each empty encoder end eod eoi eom eos eot "
    "eou every extra fim first forced frame image input lang language last latent mask masked max mean memory middle "
    "min n new newline next null num number output pad padding page patch per placeholder pooled prefix prev previous "
    "prompt query reg register reserved sampled sep separator single soi sot source space special speech start stop "
    "subword suffix target text think thinking total unk unknown video vision visual word"
)
_QUALIFIERS = _VENDORS | vocabulary(
    "b64 backup base base64 current database db default dev development encoded json live local main new old plain "
    "plaintext primary prod production raw secondary stage staging str string test text tmp value"
)
_PREPOSITIONS = vocabulary("at for in of on")
_CONNECTION = re.compile(r"(?:^|[._-])(?:dsn|conn(?:ection)?[._-]?str(?:ing)?)$")


def dotted_sensitivity(key: str) -> Sensitivity:
    """Return what a dotted key promises; all below a key such as ``credentials`` is secret.

    >>> dotted_sensitivity("logger.wandb_api_key"), dotted_sensitivity("credentials.user")
    ('strong', 'strong')
    >>> dotted_sensitivity("model.token_embedding.dim")
    'none'
    """
    *above, last = key.split(".")
    if any(sensitivity(part) == "strong" for part in above):
        return "strong"
    return sensitivity(last)


@lru_cache(maxsize=4096)
def sensitivity(name: str) -> Sensitivity:
    """Return what one name promises, in any spelling.

    >>> [sensitivity(name) for name in ("api_key", "apiKey", "X-API-Key", "OPENAI_KEY", "sort_key")]
    ['strong', 'strong', 'strong', 'strong', 'none']
    >>> [sensitivity(name) for name in ("hf_token", "pad_token", "max_tokens", "tokenizer")]
    ['token', 'none', 'none', 'none']
    """
    words = [word.lower() for word in _WORD.findall(name)]
    while len(words) > 1 and (words[-1] in _QUALIFIERS or words[-1].isdigit()):
        words.pop()
    found = _of_words(words)
    if found == "none":
        for index, word in enumerate(words):
            if index and word in _PREPOSITIONS:
                return _of_words(words[:index])
    return found


def _of_words(words: list[str]) -> Sensitivity:
    head = words[-1] if words else ""
    before = words[-2] if len(words) > 1 else ""
    if head in _SECRETS or head.endswith(_ENDINGS):
        return "strong"
    if (head in {"key", "keys"} and before in _KEY_OF) or (head == "pat" and before in _VENDORS):
        return "strong"
    if head == "pass" and (not before or before in _PASS_OF):
        return "strong"
    if (head == "token" and before not in _NOT_TOKEN_OF) or (head == "tokens" and before in _TOKENS_OF):
        return "token"
    return "auth" if head == "auth" else "pwd" if head == "pwd" else "none"


def holds_connection(key: str) -> bool:
    """Return whether a key names a connection string, whose password is one part of many.

    >>> holds_connection("db.connectionString"), holds_connection("connection")
    (True, False)
    """
    return _CONNECTION.search(key.lower()) is not None
