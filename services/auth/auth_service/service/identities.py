"""Who somebody is at a provider, as it is kept: nobody reads from the database who has an account where."""

from __future__ import annotations

from datetime import datetime

from auth_service.account_models import LinkedIdentity
from auth_service.models import ProviderIdentity
from rookery_common.crypto import BlindIndex, FieldCipher, WrappedKey


class Identities:
    """Digests by which links are found, and labels under their owners' keys."""

    def __init__(self, cipher: FieldCipher, index: BlindIndex) -> None:
        self._cipher = cipher
        self._index = index

    def digest(self, identity: ProviderIdentity) -> bytes:
        """Of issuer and subject: neither says anything without the other."""
        return self._index.digest(f"{len(identity.issuer)}:{identity.issuer}{identity.subject}", "linked-identity")

    def seal(self, identity: ProviderIdentity, account_id: int, data_key: bytes, at: datetime) -> LinkedIdentity:
        """As it is stored for the account."""
        label = self._cipher.encrypt(WrappedKey(data_key), identity.label, _context(account_id))
        return LinkedIdentity(self.digest(identity), account_id, identity.issuer, label, at)

    def label(self, link: LinkedIdentity, data_key: bytes) -> str:
        """What it is called at the provider."""
        return self._cipher.decrypt(WrappedKey(data_key), link.label, _context(link.account_id))


def _context(account_id: int) -> str:
    return f"auth.linked_identities.label:{account_id}"
