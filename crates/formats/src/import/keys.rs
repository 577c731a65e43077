//! Passwords to keys, and sealed bytes to plain ones, as other apps do it. Costs are capped before they are paid.

use std::ops::ControlFlow;

use aes_gcm::aead::array::sizes::U16;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{Aes256Gcm, AesGcm};
use chacha20poly1305::XChaCha20Poly1305;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::{Format, ImportError, Step, Watch, caps};

/// 256 bits.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// The hash under PBKDF2.
#[derive(Clone, Copy)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// PBKDF2 (RFC 8018, section 5.2), into as many bytes as `key` has.
///
/// # Errors
///
/// [`ImportError::TooCostly`], [`ImportError::Cancelled`].
pub(super) fn pbkdf2(
    format: Format,
    (hash, rounds): (Hash, u64),
    password: &[u8],
    salt: &[u8],
    key: &mut [u8],
    watch: Watch<'_>,
) -> Result<(), ImportError> {
    within(format, rounds, caps::PBKDF2_ROUNDS, "rounds")?;
    let rounds = u32::try_from(rounds).map_err(|_| ImportError::Damaged { format })?;
    if rounds == 0 {
        return Err(ImportError::Damaged { format });
    }
    begin(watch)?;
    match hash {
        Hash::Sha1 => ::pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, key),
        Hash::Sha256 => ::pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, key),
        Hash::Sha512 => ::pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, key),
    }
    Ok(())
}

/// scrypt (RFC 7914), with its N, r and p.
///
/// # Errors
///
/// [`ImportError::TooCostly`], [`ImportError::Damaged`] for parameters that scrypt does not have,
/// [`ImportError::Cancelled`].
pub(super) fn scrypt(
    format: Format,
    (n, r, p): (u64, u64, u64),
    password: &[u8],
    salt: &[u8],
    watch: Watch<'_>,
) -> Result<Key, ImportError> {
    let memory = n.saturating_mul(r).saturating_mul(128) / 1024;
    within(format, memory, caps::KDF_MEMORY_KIB, "KiB of memory")?;
    within(format, p, caps::ARGON2_PASSES, "passes")?;
    let damaged = ImportError::Damaged { format };
    if !n.is_power_of_two() || n < 2 {
        return Err(damaged);
    }
    let number = |n: u64| u32::try_from(n).map_err(|_| damaged);
    let log_n = u8::try_from(n.ilog2()).expect("at most 63");
    let params = ::scrypt::Params::new(log_n, number(r)?, number(p)?).map_err(|_| damaged)?;
    begin(watch)?;
    let mut key = Key::default();
    ::scrypt::scrypt(password, salt, &params, key.as_mut_slice()).map_err(|_| damaged)?;
    Ok(key)
}

/// Argon2id, version 1.3 (RFC 9106), with its memory in KiB, passes and lanes.
///
/// # Errors
///
/// [`ImportError::TooCostly`], [`ImportError::Damaged`] for parameters that Argon2 does not have,
/// [`ImportError::Cancelled`].
pub(super) fn argon2id(
    format: Format,
    (memory, passes, lanes): (u64, u64, u64),
    password: &[u8],
    salt: &[u8],
    watch: Watch<'_>,
) -> Result<Key, ImportError> {
    within(format, memory, caps::KDF_MEMORY_KIB, "KiB of memory")?;
    within(format, passes, caps::ARGON2_PASSES, "passes")?;
    let damaged = ImportError::Damaged { format };
    let number = |n: u64| u32::try_from(n).map_err(|_| damaged);
    let params = argon2::Params::new(number(memory)?, number(passes)?, number(lanes)?, Some(32))
        .map_err(|_| damaged)?;
    begin(watch)?;
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut key = Key::default();
    argon2
        .hash_password_into(password, salt, key.as_mut_slice())
        .map_err(|_| damaged)?;
    Ok(key)
}

/// AES-256-GCM with a nonce of 12 or 16 bytes and the tag at the end; `None` where the seal does not hold.
pub(super) fn open_gcm(
    key: &[u8; 32],
    nonce: &[u8],
    sealed: &[u8],
    aad: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let payload = Payload { msg: sealed, aad };
    let plain = match <&[u8; 16]>::try_from(nonce) {
        Ok(nonce) => AesGcm::<Aes256, U16>::new(key.into()).decrypt(nonce.into(), payload),
        Err(_) => {
            let nonce: &[u8; 12] = nonce.try_into().ok()?;
            Aes256Gcm::new(key.into()).decrypt(nonce.into(), payload)
        }
    };
    plain.ok().map(Zeroizing::new)
}

/// XChaCha20-Poly1305 with the tag at the end; `None` where the seal does not hold.
pub(super) fn open_xchacha(
    key: &[u8; 32],
    nonce: &[u8; 24],
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let plain = XChaCha20Poly1305::new(key.into()).decrypt(nonce.into(), sealed);
    plain.ok().map(Zeroizing::new)
}

/// AES-256-CBC with PKCS#7 padding; `None` where the padding is none.
pub(super) fn open_cbc(key: &[u8; 32], iv: &[u8; 16], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
    let decryptor = cbc::Decryptor::<aes::Aes256>::new(key.into(), iv.into());
    let plain = decryptor.decrypt_padded_vec::<Pkcs7>(sealed);
    plain.ok().map(Zeroizing::new)
}

/// Refuses what a file asks beyond a cap, and names the cap.
pub(super) fn within(
    format: Format,
    asked: u64,
    cap: u64,
    unit: &'static str,
) -> Result<(), ImportError> {
    if asked > cap {
        return Err(ImportError::TooCostly {
            format,
            asked,
            cap,
            unit,
        });
    }
    Ok(())
}

/// Says that a key is being derived, and asks whether to.
pub(super) fn begin(watch: Watch<'_>) -> Result<(), ImportError> {
    match watch(Step::Deriving) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(ImportError::Cancelled),
    }
}
