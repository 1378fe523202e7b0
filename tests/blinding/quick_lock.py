"""Age files locked with a passphrase that opens them at once: what `pyrage` locks takes it a second to open."""

import hmac
import os
from base64 import b64encode
from hashlib import scrypt

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LOG_WORK = 2


def quickly_locked(content, passphrase):
    """Encrypt bytes as https://age-encryption.org/v1 says, with a work factor that keeps nobody out.

    Parameters
    ----------
    content : bytes
        Up to 64 KiB.
    passphrase : str
    """
    key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    salted = b"age-encryption.org/v1/scrypt" + salt
    wrapping = scrypt(passphrase.encode(), salt=salted, n=1 << LOG_WORK, r=8, p=1, dklen=32)
    wrapped = ChaCha20Poly1305(wrapping).encrypt(bytes(12), key, None)
    head = b"age-encryption.org/v1\n-> scrypt %b %d\n%b\n---" % (_text(salt), LOG_WORK, _text(wrapped))
    mac = hmac.digest(_derived(key, b"", b"header"), head, "sha256")
    payload = ChaCha20Poly1305(_derived(key, nonce, b"payload"))
    last = bytes(11) + b"\1"
    return b"%b %b\n" % (head, _text(mac)) + nonce + payload.encrypt(last, content, None)


def _derived(key, salt, what):
    return HKDF(SHA256(), 32, salt, what).derive(key)


def _text(content):
    return b64encode(content).rstrip(b"=")
