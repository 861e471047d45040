"""Encrypted fields: read only as they were written, where they were written, by who has the key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery_common.crypto import (
    CACHED_KEYS,
    BlindIndex,
    DecryptionFailed,
    FieldCipher,
    LocalKeyProvider,
    WrappedKey,
    derive_key,
)

OLD, NEW = b"o" * 32, b"n" * 32
CIPHER = FieldCipher(LocalKeyProvider(OLD))
KEY = CIPHER.new_data_key()


@given(st.text(), st.text())
def test_a_text_comes_back_in_its_context(text: str, context: str) -> None:
    blob = CIPHER.encrypt(KEY, text, context)
    assert CIPHER.decrypt(KEY, blob, context) == text


@given(st.data())
def test_any_changed_bit_is_refused(data: st.DataObject) -> None:
    blob = bytearray(CIPHER.encrypt(KEY, "alice@example.org", "email:1"))
    place = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[place // 8] ^= 1 << place % 8
    with pytest.raises(DecryptionFailed):
        CIPHER.decrypt(KEY, bytes(blob), "email:1")


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_cleanly(blob: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        CIPHER.decrypt(KEY, blob, "email:1")
    with pytest.raises(DecryptionFailed):
        CIPHER.decrypt(WrappedKey(blob), CIPHER.encrypt(KEY, "x", "c"), "c")


def test_another_context_or_key_is_refused() -> None:
    blob = CIPHER.encrypt(KEY, "alice@example.org", "email:1")
    with pytest.raises(DecryptionFailed):
        CIPHER.decrypt(KEY, blob, "email:2")
    with pytest.raises(DecryptionFailed):
        CIPHER.decrypt(CIPHER.new_data_key(), blob, "email:1")


def test_the_same_text_is_never_encrypted_to_the_same_bytes() -> None:
    assert len({CIPHER.encrypt(KEY, "same", "c") for _ in range(100)}) == 100


def test_the_plaintext_is_not_in_the_blob_and_the_error_does_not_tell_it() -> None:
    blob = CIPHER.encrypt(KEY, "alice@example.org", "email:1")
    assert b"alice" not in blob
    with pytest.raises(DecryptionFailed) as caught:
        CIPHER.decrypt(KEY, blob, "email:2")
    assert "alice" not in str(caught.value)


def test_a_rotated_master_key_reads_old_data_and_rewrapping_frees_it_of_the_old_one() -> None:
    blob = CIPHER.encrypt(KEY, "alice@example.org", "email:1")
    both, only_new = FieldCipher(LocalKeyProvider(NEW, OLD)), FieldCipher(LocalKeyProvider(NEW))
    assert both.decrypt(KEY, blob, "email:1") == "alice@example.org"
    with pytest.raises(DecryptionFailed):
        only_new.decrypt(KEY, blob, "email:1")
    rewrapped = both.rewrap(KEY)
    assert rewrapped != KEY
    assert only_new.decrypt(rewrapped, blob, "email:1") == "alice@example.org"


def test_a_wrapped_key_is_bound_to_its_key_encryption_key() -> None:
    forged = bytearray(KEY)
    forged[1:9] = FieldCipher(LocalKeyProvider(NEW)).new_data_key()[1:9]
    with pytest.raises(DecryptionFailed):
        FieldCipher(LocalKeyProvider(NEW, OLD)).decrypt(WrappedKey(bytes(forged)), b"\x01" + b"x" * 40, "c")


def test_more_keys_than_the_cache_holds_still_decrypt() -> None:
    cipher = FieldCipher(LocalKeyProvider(OLD))
    keys = [cipher.new_data_key() for _ in range(CACHED_KEYS + 10)]
    blobs = [cipher.encrypt(key, "x", "c") for key in keys]
    assert cipher.decrypt(keys[0], blobs[0], "c") == "x"


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_master_key_of_the_wrong_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        LocalKeyProvider(b"x" * size)


def test_a_blind_index_finds_the_same_value_and_only_for_its_purpose_and_key() -> None:
    index = BlindIndex(derive_key(OLD, "email-index"))
    digest = index.digest("alice@example.org", "email")
    assert digest == index.digest("alice@example.org", "email")
    others = {
        index.digest("bob@example.org", "email"),
        index.digest("alice@example.org", "phone"),
        index.digest("lalice@example.org", "emai"),
        BlindIndex(derive_key(NEW, "email-index")).digest("alice@example.org", "email"),
    }
    assert len(others | {digest}) == 5


def test_derived_keys_differ_by_purpose_and_master() -> None:
    keys = {derive_key(master, purpose) for master in (OLD, NEW) for purpose in ("a", "b")}
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)
