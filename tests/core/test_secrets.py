"""Arguments of loading that nobody else may read, and those that have a like name."""

from __future__ import annotations

import pytest
from wherefrom.results.secrets import is_secret, without_secrets

SECRETS = (
    "token", "use_auth_token", "auth_token", "hf_token", "accessToken", "api_key", "apiKey", "API-KEY", "apikey", "key",
    "aws_secret_access_key", "client_secret", "password", "proxy_password", "headers", "extra_headers",
    "default_headers", "credentials", "Authorization", "auth", "cookies", "storage_options",
)  # fmt: skip
OTHERS = (
    "pad_token", "eos_token", "image_token", "additional_special_tokens", "max_new_tokens", "tokenizer", "token_type",
    "key_mapping", "num_key_value_heads", "header", "keyboard", "attn_implementation", "revision", "author", "",
)  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_told_at_no_depth(name: str) -> None:
    assert is_secret(name)
    for given in ({name: "sesame"}, {"a": {name: "sesame"}}, {"a": [{"b": ({name: {"c": "sesame"}},)}]}):
        assert "sesame" not in str(without_secrets(given))


@pytest.mark.parametrize("name", OTHERS)
def test_what_decides_numbers_is_told(name: str) -> None:
    given = {name: {name: ["x", 1, None]}}
    assert without_secrets(given) == given


def test_addresses_lose_logins_and_secrets_alone() -> None:
    told = without_secrets({"base_url": "https://me:sesame@there/v1?api_key=sesame&version=2&token=sesame#part"})
    assert told == {"base_url": "https://there/v1?api_key=&version=2&token=#part"}
    text = "me@home?token=x"
    assert without_secrets({"text": text}) == {"text": text}
